// After an answer that came before its request had: what is still sent is thrown away for a while. Who sends everything
// before reading would else find the connection reset instead of the answer (nginx calls it a lingering close).

import type { IncomingMessage, ServerResponse } from 'node:http'

/** How much longer and how much more is listened to. */
export type Patience = { ms: number; bytes: number }

/** Lets the connection go on once the request has come to its end, and closes it when that takes too long. */
export function lingerAfter(incoming: IncomingMessage, outgoing: ServerResponse, patience: Patience): void {
  outgoing.once('close', () => {
    const { socket } = incoming
    if (incoming.complete || socket.destroyed) return
    // Nothing of this request is read any more; before its end the next one cannot begin.
    incoming.resume()
    const before = socket.bytesRead
    const started = performance.now()
    const watch = setInterval(
      () => {
        const late = performance.now() - started >= patience.ms || socket.bytesRead - before > patience.bytes
        if (late && !incoming.complete) socket.destroy()
        if (late || incoming.complete || socket.destroyed) clearInterval(watch)
      },
      Math.min(patience.ms, 250),
    )
    watch.unref()
  })
}
