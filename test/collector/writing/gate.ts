// A bad line to a database: a TCP gate that at random cuts a connection before what the client says has passed (the
// write fails) or before the answer comes back (the write is done, and nobody learns of it).

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export type Gate = {
  port: number
  /** How often each happened. */
  cuts: { before: number; after: number }
  close(): Promise<void>
}

export async function startGate(
  target: { host: string; port: number },
  share: number,
  random: () => number,
): Promise<Gate> {
  const cuts = { before: 0, after: 0 }
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target)
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {}).on('close', () => open.delete(socket))
    }
    const cut = (when: keyof typeof cuts) => {
      cuts[when] += 1
      client.destroy()
      upstream.destroy()
    }
    client.on('data', (chunk) => (random() < share ? cut('before') : upstream.write(chunk)))
    upstream.on('data', (chunk) => (random() < share ? cut('after') : client.write(chunk)))
    client.on('end', () => upstream.end())
    upstream.on('end', () => client.end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    cuts,
    async close() {
      server.close()
      for (const socket of open) socket.destroy()
      await once(server, 'close')
    },
  }
}

/** Numbers that look random, the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
