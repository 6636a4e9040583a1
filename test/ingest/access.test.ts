import { expect, test } from 'vitest'
import { admit, keysOf, permit } from '#ingest/access.ts'
import { BadInput } from '#model/errors.ts'

const FETCHERS = { name: 'fetchers', secret: 'a-secret-of-fetchers', services: ['coins', 'prices'] }
const ALL = { name: 'all', secret: 'a-secret-for-everything' }
const keys = keysOf([FETCHERS, ALL])
const ADDRESS = '192.0.2.7'

const come = (authorization?: string) => admit(keys, { authorization, address: ADDRESS })

/** What was thrown, as code and message. */
function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof BadInput) return `${error.code}: ${error.message}`
    throw error
  }
  return 'let through'
}

test('lets everyone in while there are no tokens, each address for itself', () => {
  expect(admit([], { authorization: undefined, address: ADDRESS })).toEqual({ id: 'address 192.0.2.7', key: null })
  expect(admit([], { authorization: 'Bearer whatever', address: ADDRESS }).key).toBeNull()
})

test.each([
  [`Bearer ${FETCHERS.secret}`, 'fetchers'],
  [`bearer ${FETCHERS.secret}`, 'fetchers'],
  [`BEARER   ${ALL.secret}  `, 'all'],
])('knows the token in %j', (authorization, name) => {
  const sender = come(authorization)
  expect([sender.id, sender.key?.name]).toEqual([`token ${name}`, name])
})

test('keeps no secret', () => {
  const kept = JSON.stringify(come(`Bearer ${FETCHERS.secret}`)) + JSON.stringify(keys)
  expect(kept).not.toContain(FETCHERS.secret)
})

const HOW = "; send 'Authorization: Bearer SECRET' with the secret of a token"

test.each([
  [undefined, 'there is no header Authorization'],
  ['', 'the header Authorization is of another kind'],
  ['Basic YTpi', 'the header Authorization is of another kind'],
  [FETCHERS.secret, 'the header Authorization is of another kind'],
  ['Bearer', 'the header Authorization is of another kind'],
  ['Bearer a b', 'the header Authorization is of another kind'],
  ['Bearer wrong', 'the token is not known here'],
  [`Bearer ${FETCHERS.secret.slice(0, -1)}`, 'the token is not known here'],
  [`Bearer ${FETCHERS.secret}x`, 'the token is not known here'],
  [`Bearer ${FETCHERS.secret.toUpperCase()}`, 'the token is not known here'],
  [`Bearer ${'x'.repeat(100_000)}`, 'the token is not known here'],
])('refuses %j without repeating it', (authorization, reason) =>
  expect(refusal(() => come(authorization))).toBe(`unauthorized: ${reason}${HOW}`),
)

const sending = (secret: string, services: string[]) => refusal(() => permit(come(`Bearer ${secret}`), services))

test('lets a token send for its services only', () => {
  expect(sending(FETCHERS.secret, [])).toBe('let through')
  expect(sending(FETCHERS.secret, ['prices', 'coins'])).toBe('let through')
  expect(sending(FETCHERS.secret, ['coins', 'billing', 'x'])).toBe(
    "forbidden: the token 'fetchers' may not send for the service 'billing'",
  )
  expect(sending(FETCHERS.secret, ['Coins'])).toContain('forbidden')
  expect(sending(FETCHERS.secret, ['coins', ''])).toBe(
    "forbidden: the token 'fetchers' may not send for resources without service.name",
  )
})

test('lets a token without services, and everyone where there are no tokens, send for all', () => {
  expect(sending(ALL.secret, ['billing', ''])).toBe('let through')
  expect(refusal(() => permit({ id: 'address', key: null }, ['billing']))).toBe('let through')
})

test('names hostile services harmlessly', () => {
  expect(sending(FETCHERS.secret, [`\x1b[31m\n${'x'.repeat(500)}`])).toBe(
    `forbidden: the token 'fetchers' may not send for the service '?[31m?${'x'.repeat(94)}…'`,
  )
})
