// Sending while the process exits: after `process.exit()` or an error nobody caught, no more events run here, so a worker
// thread sends and this thread waits for it.

import { Worker } from 'node:worker_threads'

/** Requests to one address, in this order. */
export type Letters = { url: string; headers: Record<string, string>; bodies: Uint8Array[] }

/** Plain JavaScript in a string: the worker needs no file of ours, wherever a bundler put them. */
const WORKER = `
  const { post, done } = require('node:worker_threads').workerData
  let open = post.length
  const end = () => { if (--open === 0) { Atomics.store(done, 0, 1); Atomics.notify(done, 0) } }
  for (const { url, headers, bodies } of post) {
    const { request } = require(url.startsWith('https:') ? 'node:https' : 'node:http')
    const next = () => {
      if (bodies.length === 0) return end()
      const sending = request(url, { method: 'POST', headers }, (answer) => answer.resume().on('close', next))
      sending.on('error', end)
      sending.end(bodies.shift())
    }
    next()
  }`

/**
 * Sends the bodies, those to one address one after the other. Blocks until all are answered, or one failed to arrive at
 * each address, or for `withinMs`; whether they were taken no longer matters. Starting takes some 30 ms.
 */
export function sendBlocking(letters: Letters[], withinMs: number): void {
  const post = letters.filter(({ bodies }) => bodies.length > 0)
  if (post.length === 0) return
  const done = new Int32Array(new SharedArrayBuffer(4))
  try {
    // Without the job's flags and environment, which may load the job's own instrumentation into the worker.
    new Worker(WORKER, { eval: true, workerData: { post, done }, execArgv: [], env: {} })
    Atomics.wait(done, 0, 0, withinMs)
  } catch {
    // The process is ending; there is nobody left to tell.
  }
}
