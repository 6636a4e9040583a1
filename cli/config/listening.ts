// Where Cyclewatch may listen: on this machine only, and nowhere twice.

import { BlockList, isIP } from 'node:net'
import type { Mistake } from '#cli/config/problems.ts'
import { BadInput } from '#model/errors.ts'
import { type Listen, parseListen } from '#model/listen.ts'

/** What the sections say, defaults filled in; whatever is not of the right type is looked at elsewhere. */
export type Listening = { ingest: unknown; api: unknown; enginePort: unknown }

const LISTENERS = ['ingest', 'api'] as const

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

export function listeningMistakes({ ingest, api, enginePort }: Listening): Mistake[] {
  const texts = { ingest, api }
  const taken = new Map<number, string>([[typeof enginePort === 'number' ? enginePort : 0, 'engine.httpPort']])
  return LISTENERS.flatMap((section): Mistake[] => {
    const address = readAddress(texts[section])
    if (!address) return []
    const path = [section, 'listen']
    const holder = address.port === 0 ? undefined : taken.get(address.port)
    taken.set(address.port, `${section}.listen`)
    return [
      ...(isLoopback(address.host) ? [] : [{ path, part: 'value' as const, message: tooOpen(address.host) }]),
      ...(holder ? [{ path, part: 'value' as const, message: `port ${address.port} is taken by ${holder}` }] : []),
    ]
  })
}

function tooOpen(host: string): string {
  return `${host} can be reached from other machines, and there are no access tokens yet; listen on 127.0.0.1 or [::1]`
}

function isLoopback(host: string): boolean {
  // The zone of an IPv6 address (%eth0) says which interface, not which address.
  const [address = ''] = host.split('%')
  const version = isIP(address)
  if (version === 0) return host.toLowerCase() === 'localhost'
  return loopback.check(address, version === 4 ? 'ipv4' : 'ipv6')
}

function readAddress(text: unknown): Listen | null {
  try {
    return typeof text === 'string' ? parseListen(text) : null
  } catch (error) {
    if (error instanceof BadInput) return null
    throw error
  }
}
