// Names that cannot be looked up, in the ways a resolver has: only those under .invalid, which never exist anyway.

import dns, { type LookupAddress } from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'

type Found = (error: NodeJS.ErrnoException | null, address?: string | LookupAddress[], family?: number) => void

/** No such name; the resolver does not answer at the moment; the resolver says nothing until it gives up. */
export const NAMES = { unknown: 'nowhere.invalid', busy: 'busy.invalid', silent: 'silent.invalid' } as const

/** As resolv.conf has it by default. */
const GIVES_UP_MS = 5_000
const CODES: Record<string, string | undefined> = { [NAMES.unknown]: 'ENOTFOUND', [NAMES.busy]: 'EAI_AGAIN' }

/**
 * Stands before the system's resolver until it is disposed, for sockets, which ask `dns.lookup` anew for each connection,
 * and for whoever imports `lookup` and has not used it yet.
 */
export function troubleNames(): Disposable {
  const real = dns.lookup
  const troubled = (hostname: string, ...rest: unknown[]) => {
    if (!hostname.endsWith('.invalid')) return Reflect.apply(real, dns, [hostname, ...rest])
    const found = rest.at(-1) as Found
    const code = CODES[hostname]
    if (code) setImmediate(() => found(lookupError(code, hostname)))
    else setTimeout(() => found(lookupError('EAI_AGAIN', hostname)), GIVES_UP_MS).unref()
  }
  put(Object.assign(troubled, { __promisify__: real.__promisify__ }) as typeof dns.lookup)
  return { [Symbol.dispose]: () => put(real) }
}

function put(lookup: typeof dns.lookup): void {
  dns.lookup = lookup
  syncBuiltinESMExports()
}

function lookupError(code: string, hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { code, hostname, syscall: 'getaddrinfo' })
}
