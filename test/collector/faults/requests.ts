// HTTP/1.1 requests as they come in on a socket, without an answer of their own: what node:http would correct for us, a
// fault has to do wrong.

import type { Socket } from 'node:net'

export type Incoming = { method: string; target: string; headBytes: number }

/** What becomes of one request: `bytes` for each part of its body, `whole` once there is no more. */
export type Reading = { bytes(count: number): void; whole(): void }

/** Calls `begin` for every head; bodies have a stated length or there is none. */
export function readRequests(socket: Socket, begin: (incoming: Incoming) => Reading): void {
  let waiting: Buffer = Buffer.alloc(0)
  let current: { reading: Reading; left: number } | undefined
  socket.on('data', (chunk: Buffer) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk])
    for (;;) {
      current ??= nextHead()
      if (!current) return
      const taken = Math.min(current.left, waiting.length)
      waiting = waiting.subarray(taken)
      current.left -= taken
      if (taken > 0) current.reading.bytes(taken)
      if (current.left > 0) return
      const { reading } = current
      current = undefined
      reading.whole()
    }
  })

  function nextHead(): { reading: Reading; left: number } | undefined {
    const end = waiting.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const text = waiting.toString('latin1', 0, end)
    waiting = waiting.subarray(end + 4)
    const [method = '', target = ''] = text.split(' ', 2)
    const length = /^content-length: *(\d+)/im.exec(text)?.[1]
    return { reading: begin({ method, target, headBytes: end + 4 }), left: Number(length ?? 0) }
  }
}
