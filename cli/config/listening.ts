// Where Cyclewatch may listen: beyond this machine only where tokens say who may come, and nowhere twice.

import { BlockList, isIP } from 'node:net'
import type { Mistake } from '#cli/config/problems.ts'
import { BadInput } from '#model/errors.ts'
import { type Listen, parseListen } from '#model/listen.ts'

/** What the sections say, defaults filled in; whatever is not of the right type is looked at elsewhere. */
export type Listening = { ingest: unknown; api: unknown; tokens: unknown; enginePort: unknown }

const LISTENERS = ['ingest', 'api'] as const

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

export function listeningMistakes({ ingest, api, tokens, enginePort }: Listening): Mistake[] {
  const texts = { ingest, api }
  const closed = { ingest: !hasIngestToken(tokens), api: true }
  const taken = new Map<number, string>([[typeof enginePort === 'number' ? enginePort : 0, 'engine.httpPort']])
  return LISTENERS.flatMap((section): Mistake[] => {
    const address = readAddress(texts[section])
    if (!address) return []
    const path = [section, 'listen']
    const holder = address.port === 0 ? undefined : taken.get(address.port)
    taken.set(address.port, `${section}.listen`)
    const tooOpen = closed[section] && !isLoopback(address.host)
    return [
      ...(tooOpen ? [{ path, part: 'value' as const, message: openness(address.host, section) }] : []),
      ...(holder ? [{ path, part: 'value' as const, message: `port ${address.port} is taken by ${holder}` }] : []),
    ]
  })
}

const WAYS_OUT = {
  ingest: 'give senders tokens (the key tokens), or listen',
  api: 'there are no tokens for reading yet, so listen',
}

function openness(host: string, section: keyof typeof WAYS_OUT): string {
  return `${host} can be reached from other machines; ${WAYS_OUT[section]} on 127.0.0.1 or [::1]`
}

/** Whoever sends from elsewhere has to show one. TLS is not asked for: many end it in front of Cyclewatch. */
function hasIngestToken(tokens: unknown): boolean {
  return Array.isArray(tokens) && tokens.some((token) => Array.isArray(token?.roles) && token.roles.includes('ingest'))
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
