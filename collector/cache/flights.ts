// One load at a time for each key: who asks while it is under way gets what it brings.

/** `wasGivenUp`: the one it was for no longer wants it. That is no news for those who waited along. */
export type Landing<T> = { state: 'landed'; value: T } | { state: 'failed'; error: unknown; wasGivenUp: boolean }

/** What is under way, by key. A flight never rejects. */
export type Flights<T> = Map<string, Promise<Landing<T>>>

/**
 * The value of `load`, or of one for the same key that is already under way; rejects with what that rejects with, and
 * with the reason of `signal` once it aborts. When the load under way was given up by its own caller, the next in line
 * loads. `join` may wrap the waiting for another's load, and must return what it is given.
 */
export async function oneAtATime<T>(
  flights: Flights<T>,
  key: string,
  signal: AbortSignal | undefined,
  load: () => Promise<T>,
  join: (wait: () => Promise<Landing<T>>) => Promise<Landing<T>>,
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted()
    const running = flights.get(key)
    const landing = running ? await join(() => untilAborted(running, signal)) : await launch(flights, key, signal, load)
    if (landing.state === 'landed') return landing.value
    if (!running || !landing.wasGivenUp || signal?.aborted) throw landing.error
  }
}

function launch<T>(
  flights: Flights<T>,
  key: string,
  signal: AbortSignal | undefined,
  load: () => Promise<T>,
): Promise<Landing<T>> {
  const flight = Promise.resolve()
    .then(load)
    .then(
      (value): Landing<T> => ({ state: 'landed', value }),
      (error): Landing<T> => ({ state: 'failed', error, wasGivenUp: signal?.aborted ?? false }),
    )
    .finally(() => flights.delete(key))
  flights.set(key, flight)
  return flight
}

async function untilAborted<T>(flight: Promise<Landing<T>>, signal: AbortSignal | undefined): Promise<Landing<T>> {
  if (!signal) return flight
  let stop = () => {}
  const aborted = new Promise<Landing<T>>((resolve) => {
    const abort = () => resolve({ state: 'failed', error: signal.reason, wasGivenUp: false })
    signal.addEventListener('abort', abort)
    stop = () => signal.removeEventListener('abort', abort)
  })
  try {
    return await Promise.race([flight, aborted])
  } finally {
    stop()
  }
}
