// Sending while the process exits: after `process.exit()` or an error nobody caught, no more events run here, so a worker
// thread sends and this thread waits for it.

import { Worker } from 'node:worker_threads'

/** Plain JavaScript in a string: the worker needs no file of ours, wherever a bundler put them. */
const WORKER = `
  const { url, headers, bodies, done } = require('node:worker_threads').workerData
  const { request } = require(url.startsWith('https:') ? 'node:https' : 'node:http')
  const end = () => { Atomics.store(done, 0, 1); Atomics.notify(done, 0) }
  const next = () => {
    if (bodies.length === 0) return end()
    const post = request(url, { method: 'POST', headers }, (answer) => answer.resume().on('close', next))
    post.on('error', end)
    post.end(bodies.shift())
  }
  next()`

/**
 * Sends the bodies one after the other. Blocks until all are answered, or one failed to arrive, or for `withinMs`;
 * whether they were taken no longer matters. Starting takes some 30 ms.
 */
export function sendBlocking(
  url: string,
  headers: Record<string, string>,
  bodies: Uint8Array[],
  withinMs: number,
): void {
  const done = new Int32Array(new SharedArrayBuffer(4))
  // Without the job's flags and environment, which may load the job's own instrumentation into the worker.
  new Worker(WORKER, { eval: true, workerData: { url, headers, bodies, done }, execArgv: [], env: {} })
  Atomics.wait(done, 0, 0, withinMs)
}
