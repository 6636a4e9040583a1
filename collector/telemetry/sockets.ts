// How many TCP connections this process has open, idle ones included: counted as they open and close, which costs nothing
// while nothing happens. (process.getActiveResourcesInfo() leaves out idle ones, /proc/self/net counts the whole machine's,
// and /proc/self/fd takes a system call for each open file.)

import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

let open = 0
let counting = false

/** From the first call on; connections that were open before are not known. */
export function countSockets(): void {
  if (counting) return
  counting = true
  subscribe('net.client.socket', count)
  subscribe('net.server.socket', count)
}

/** Those of telemetry's own exports among them. */
export function openSockets(): number {
  return open
}

function count(message: unknown): void {
  const { socket } = message as { socket: Socket }
  open += 1
  socket.once('close', () => {
    open -= 1
  })
}
