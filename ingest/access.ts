// Who may send, and for which services. Secrets are compared by their digests, in constant time, always all of them:
// how long a refusal takes says nothing about how much of a secret was right, or whose it is.

import { hash, timingSafeEqual } from 'node:crypto'
import { BadInput } from '#model/errors.ts'
import { MAX_SERVICES } from './check/checking.ts'

/** As configured. Without `services` a token may send for every service. */
export type Token = { name: string; secret: string; services?: readonly string[] }

/** A token ready for comparing: the secret itself is not kept. */
export type Key = { name: string; digest: Buffer; services: ReadonlySet<string> | null }

/** Who sends. `id` is what memory and bytes per second are counted by; `key` is null where everyone may send. */
export type Sender = { id: string; key: Key | null }

/** Where a request comes from: its header Authorization, and the address at the other end of its connection. */
export type Origin = { authorization: string | undefined; address: string | undefined }

export function keysOf(tokens: readonly Token[]): Key[] {
  return tokens.map(({ name, secret, services }) => ({
    name,
    digest: digestOf(secret),
    services: services ? new Set(services) : null,
  }))
}

/** Without keys everyone may send: only loopback is listened on then. Throws BadInput `unauthorized` otherwise. */
export function admit(keys: readonly Key[], { authorization, address }: Origin): Sender {
  if (keys.length === 0) return { id: `address ${address ?? ''}`, key: null }
  if (authorization === undefined) throw unauthorized('there is no header Authorization')
  const [, secret] = /^bearer +([^ ]+) *$/i.exec(authorization) ?? []
  if (secret === undefined) throw unauthorized('the header Authorization is of another kind')
  const key = keyOf(keys, digestOf(secret))
  if (key === null) throw unauthorized('the token is not known here')
  return { id: `token ${key.name}`, key }
}

/**
 * Throws BadInput `forbidden` when a service is none of those the sender may send for; '' is a missing service.name.
 * The checker stops counting at MAX_SERVICES, and whatever comes then is not known.
 */
export function permit({ key }: Sender, services: readonly string[]): void {
  if (key === null || key.services === null) return
  if (services.length >= MAX_SERVICES) throw forbidden(key, `${MAX_SERVICES} services or more at once`)
  for (const service of services) {
    if (key.services.has(service)) continue
    const what = service === '' ? 'resources without service.name' : `the service ${quoted(service)}`
    throw forbidden(key, what)
  }
}

function forbidden({ name }: Key, what: string): BadInput {
  return new BadInput(`the token '${name}' may not send for ${what}`, { code: 'forbidden' })
}

function keyOf(keys: readonly Key[], digest: Buffer): Key | null {
  let found: Key | null = null
  for (const key of keys) if (timingSafeEqual(key.digest, digest)) found = key
  return found
}

function digestOf(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

function unauthorized(reason: string): BadInput {
  return new BadInput(`${reason}; send 'Authorization: Bearer SECRET' with the secret of a token`, {
    code: 'unauthorized',
  })
}

/** Names come from strangers, and messages end up in terminals. */
function quoted(name: string): string {
  const short = name.length > 100 ? `${name.slice(0, 100)}…` : name
  return `'${short.replace(/\p{C}/gu, '?')}'`
}
