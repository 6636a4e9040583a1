// What run.progress shows a person: a live view on a terminal, lines elsewhere.

import type { Writable } from 'node:stream'

export type Entry = { name: string; done: number; total: number | undefined; elapsedMs: number }

/** `id` tells cycles of one name apart. Nothing here throws. */
export type ProgressView = {
  show(id: string, entry: Entry): void
  /** The cycle has ended. */
  end(id: string): void
  close(): void
}

/** A terminal has a width. */
export type Screen = Writable & { isTTY?: boolean; columns?: number; rows?: number }

const BAR_WIDTH = 20
/** More cycles at once than this are only counted. */
const MOST_LINES = 10

/** The view that was asked for, if there is anything to show it on. */
export function openProgressView(wanted: boolean | 'auto', screen: Screen): ProgressView | undefined {
  if (wanted === false) return undefined
  if (screen.isTTY) return liveView(screen)
  return wanted === true ? lineView(screen) : undefined
}

export function lineView(screen: Screen): ProgressView {
  forgive(screen)
  return {
    show: (_, entry) => safely(() => screen.write(`${lineOf(entry)}\n`)),
    end: () => {},
    close: () => {},
  }
}

/** One line a cycle, redrawn in place; gone when the cycle is. */
export function liveView(screen: Screen): ProgressView {
  forgive(screen)
  const entries = new Map<string, Entry>()
  let draw: ((text: string) => void) & { clear(): void } = Object.assign(() => {}, { clear: () => {} })
  const redraw = () => safely(() => (entries.size === 0 ? draw.clear() : draw(screenOf([...entries.values()]))))
  // Loaded when needed. The cursor stays visible: hiding it would bring in handlers for signals that end the job early.
  const ready = import('log-update').then(({ createLogUpdate }) => {
    draw = createLogUpdate(screen as Parameters<typeof createLogUpdate>[0], { showCursor: true })
    if (entries.size > 0) redraw()
  })
  ready.catch(() => {})
  return {
    show(id, entry) {
      entries.set(id, entry)
      redraw()
    },
    end: (id) => void (entries.delete(id) && redraw()),
    close() {
      entries.clear()
      redraw()
    },
  }
}

/** `coins: 42 of 250 (16 %), 12 s`. */
export function lineOf({ name, done, total, elapsedMs }: Entry): string {
  const share = total ? ` of ${total} (${Math.floor((100 * done) / total)} %)` : ''
  return `${printable(name)}: ${done}${share}, ${Math.round(elapsedMs / 1_000)} s`
}

/** The same lines, with bars. */
export function screenOf(entries: Entry[]): string {
  const lines = entries.slice(0, MOST_LINES).map((entry) => `${barOf(entry)} ${lineOf(entry)}`)
  const others = entries.length - lines.length
  return [...lines, ...(others > 0 ? [`and ${others} more`] : [])].join('\n')
}

function barOf({ done, total }: Entry): string {
  const filled = total ? Math.min(BAR_WIDTH, Math.floor((BAR_WIDTH * done) / total)) : 0
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`
}

/** A name is the job's; what moves the cursor is not shown. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}

const forgiven = new WeakSet<Screen>()

/** A terminal that is gone is no reason for the job to end; without a listener, its error would be. */
function forgive(screen: Screen): void {
  if (!forgiven.has(screen)) screen.on('error', () => {})
  forgiven.add(screen)
}

function safely(work: () => unknown): void {
  try {
    work()
  } catch {
    // Showing is no part of the job.
  }
}
