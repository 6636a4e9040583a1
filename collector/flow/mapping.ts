// The engine of run.map: pulls items, runs a few at a time, and keeps what came of them until it is asked for.

/** What became of one item. */
export type MapResult<T, R> = { state: 'done'; item: T; value: R } | { state: 'failed'; item: T; error: unknown }

export type MapFunction<T, R> = (item: T, index: number, signal: AbortSignal) => R | PromiseLike<R>

export type Mapping<T, R> = {
  /** All results, once all have ended. To be called once, and not beside `stream`. */
  all(): Promise<MapResult<T, R>[]>
  /** The results one by one; leaving it ends the mapping. */
  stream(): AsyncGenerator<MapResult<T, R>, void, undefined>
}

type Options = { concurrency: number; signal: AbortSignal | undefined; stopOnError: boolean }

type Source<T> = Iterator<T> | AsyncIterator<T>

type State<T, R> = {
  readonly source: Source<T>
  readonly fn: MapFunction<T, R>
  readonly concurrency: number
  readonly stopOnError: boolean
  /** Aborts what is under way. */
  readonly controller: AbortController
  /** Results nobody has taken yet, by the index of their item. */
  readonly results: Map<number, MapResult<T, R>>
  begun: number
  running: number
  taken: number
  /** Results are wanted all together: nothing is gained by waiting until some are taken. */
  isCollecting: boolean
  /** No further item comes. */
  isDrained: boolean
  /** Ended before its time: what ends from now on is no result. */
  isStopped: boolean
  failure: { error: unknown } | undefined
  endPull: (() => void) | undefined
  /** Who waits for anything to change. */
  watchers: (() => void)[]
  unlisten: () => void
}

/**
 * Begins at once, but with no more items than `concurrency` before results are asked for. Both ways of asking fail with
 * what `source` threw, the signal's reason, or with `stopOnError` the first item's error, when nothing runs any more.
 */
export function mapping<T, R>(source: Source<T>, options: Options, fn: MapFunction<T, R>): Mapping<T, R> {
  const { concurrency, signal, stopOnError } = options
  const state: State<T, R> = {
    source,
    fn,
    concurrency,
    stopOnError,
    controller: new AbortController(),
    results: new Map(),
    begun: 0,
    running: 0,
    taken: 0,
    isCollecting: false,
    isDrained: false,
    isStopped: false,
    failure: undefined,
    endPull: undefined,
    watchers: [],
    unlisten: () => signal?.removeEventListener('abort', onAbort),
  }
  const onAbort = () => stop(state, signal?.reason)
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort)
  void pump(state)
  return { all: () => all(state), stream: () => stream(state) }
}

async function all<T, R>(state: State<T, R>): Promise<MapResult<T, R>[]> {
  state.isCollecting = true
  changed(state)
  while (!isOver(state)) await change(state)
  if (state.failure) throw state.failure.error
  return Array.from({ length: state.begun }, (_, index) => state.results.get(index) as MapResult<T, R>)
}

async function* stream<T, R>(state: State<T, R>): AsyncGenerator<MapResult<T, R>, void, undefined> {
  try {
    while (true) {
      const result = state.results.get(state.taken)
      if (result) {
        state.results.delete(state.taken)
        state.taken += 1
        changed(state)
        yield result
      } else if (isOver(state)) break
      else await change(state)
    }
    if (state.failure) throw state.failure.error
  } finally {
    if (!isOver(state)) stop(state, new DOMException('the loop over the results was left', 'AbortError'))
    while (!isOver(state)) await change(state)
  }
}

/** Takes items while there is room for them, one after another, as an async source gives them. */
async function pump<T, R>(state: State<T, R>): Promise<void> {
  try {
    while (await hasRoom(state)) {
      const next = await pull(state)
      if (!next || next.done || state.isStopped) break
      state.begun += 1
      state.running += 1
      void run(state, next.value, state.begun - 1)
    }
    if (state.isStopped) await close(state)
  } catch (error) {
    state.failure ??= { error }
  }
  state.isDrained = true
  changed(state)
}

/** Resolves when another item may begin, with false when none will. */
async function hasRoom<T, R>(state: State<T, R>): Promise<boolean> {
  const { concurrency } = state
  while (!state.isStopped) {
    const isFree = state.running < concurrency
    if (isFree && (state.isCollecting || state.begun - state.taken < concurrency)) return true
    await change(state)
  }
  return false
}

/** The next item; undefined when the mapping was stopped while waiting for it. */
function pull<T, R>(state: State<T, R>): Promise<IteratorResult<T> | undefined> {
  return new Promise((resolve, reject) => {
    state.endPull = () => resolve(undefined)
    Promise.resolve(state.source.next()).then((next) => {
      state.endPull = undefined
      resolve(next)
    }, reject)
  })
}

/** Lets the source clean up. One that is asked for an item still may never answer: then nobody waits for it. */
async function close<T, R>({ source, endPull }: State<T, R>): Promise<void> {
  const closed = returned(source)
  if (!endPull) await closed
}

/** Why the mapping was stopped outweighs what goes wrong in the clean-up. */
async function returned(source: Source<unknown>): Promise<void> {
  try {
    await source.return?.()
  } catch {}
}

async function run<T, R>(state: State<T, R>, item: T, index: number): Promise<void> {
  let result: MapResult<T, R>
  try {
    result = { state: 'done', item, value: await state.fn(item, index, state.controller.signal) }
  } catch (error) {
    result = { state: 'failed', item, error }
    if (state.stopOnError) stop(state, error)
  }
  state.running -= 1
  if (!state.isStopped) state.results.set(index, result)
  changed(state)
}

function stop<T, R>(state: State<T, R>, error: unknown): void {
  if (state.isStopped) return
  state.isStopped = true
  state.failure ??= { error }
  state.controller.abort(error)
  state.endPull?.()
  changed(state)
}

function isOver({ isDrained, running }: { isDrained: boolean; running: number }): boolean {
  return isDrained && running === 0
}

function change(state: { watchers: (() => void)[] }): Promise<void> {
  return new Promise((resolve) => state.watchers.push(resolve))
}

function changed<T, R>(state: State<T, R>): void {
  if (isOver(state)) state.unlisten()
  const { watchers } = state
  state.watchers = []
  for (const wake of watchers) wake()
}
