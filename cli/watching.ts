// The demo's live view: a screen that is redrawn on a terminal, elsewhere a line now and then.

import { setTimeout as delay } from 'node:timers/promises'
import { createLogUpdate } from 'log-update'
import { Unavailable } from '#model/errors.ts'
import { type LiveState, renderLine, renderLive, renderOutage } from './live.ts'
import { type Look, print } from './output.ts'
import type { Surroundings } from './surroundings.ts'

/** Where states are shown, one every `everyMs`. */
export type View = {
  everyMs: number
  show(state: LiveState): void
  /** There is nothing new to show, for the reason in this line. */
  miss(line: string): void
  /** Makes room for what others write; what comes next is drawn below it. */
  clear(): void
  done(): void
}

/** One screen, redrawn. When figures are missing the last one stays, and says why. */
export function screenView({ stdout }: Pick<Surroundings, 'stdout'>, look: Look, everyMs: number): View {
  const screen = createLogUpdate(stdout)
  let last = ''
  return {
    everyMs,
    show: (state) => {
      last = renderLive(state, look)
      screen(last)
    },
    miss: (line) => screen(last === '' ? line : `${last}\n\n${line}`),
    clear: () => screen.clear(),
    done: () => screen.done(),
  }
}

/** A line per state. When figures are missing one line says so, however long that lasts. */
export function lineView(io: Pick<Surroundings, 'stdout'>, everyMs: number): View {
  let missing = false
  return {
    everyMs,
    show: (state) => {
      missing = false
      print(io, renderLine(state))
    },
    miss: (line) => {
      if (!missing) print(io, line)
      missing = true
    },
    clear: () => {},
    done: () => {},
  }
}

/** Shows what `observe` sees until `stop` fires. What is Unavailable now may be there at the next look. */
export async function watch(
  view: View,
  observe: (now: number) => Promise<LiveState>,
  stop: AbortSignal,
  clock: () => number,
): Promise<void> {
  try {
    while (!stop.aborted) {
      const now = clock()
      const seen = await observe(now).catch(unavailable)
      if (stop.aborted) return
      if (seen instanceof Unavailable) view.miss(renderOutage(now, seen.message))
      else view.show(seen)
      await delay(view.everyMs, undefined, { signal: stop }).catch(() => {})
    }
  } finally {
    view.done()
  }
}

function unavailable(error: unknown): Unavailable {
  if (error instanceof Unavailable) return error
  throw error
}
