import type { LookupAddress } from 'node:dns'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { rememberNames, type SystemLookup } from '#collector/fetch/name-cache.ts'

type Reply = LookupAddress[] | 'ENOTFOUND'

/** A resolver that answers with the next of these, and a cache in front of it whose clock stands until it is moved. */
function resolver(...replies: Reply[]) {
  const asked: string[] = []
  const ask: SystemLookup = (host, { family }, callback) => {
    const reply = replies[Math.min(asked.length, replies.length - 1)] as Reply
    asked.push(`${host} ${family}`)
    setImmediate(() => {
      if (reply === 'ENOTFOUND') callback(Object.assign(new Error('unknown'), { code: reply }), [])
      else callback(null, reply)
    })
  }
  let at = 0
  const lookup = rememberNames(() => at, ask)
  const all = promisify((host: string, done: (error: Error | null, found: unknown) => void) =>
    lookup(host, { all: true }, done),
  )
  return {
    asked,
    find: async (host: string) => ((await all(host)) as LookupAddress[]).map(({ address }) => address).join(' '),
    lookup,
    move(ms: number) {
      at += ms
    },
  }
}

const ONE = [{ address: '192.0.2.1', family: 4 }]
const TWO = [{ address: '192.0.2.2', family: 4 }]

test('asks the system once for those who ask at the same time, and again after half a minute', async () => {
  const { find, asked, move } = resolver(ONE, TWO)
  expect(await Promise.all([find('a.example'), find('a.example'), find('a.example')])).toEqual(
    Array(3).fill('192.0.2.1'),
  )
  move(29_999)
  expect(await find('a.example')).toBe('192.0.2.1')
  expect(asked).toEqual(['a.example 0'])
  move(1)
  expect(await find('a.example')).toBe('192.0.2.2')
  expect(asked).toHaveLength(2)
})

test('keeps hosts and families apart', async () => {
  const { find, asked, lookup } = resolver(ONE)
  await find('a.example')
  await find('b.example')
  const single = promisify((done: (error: Error | null, found: unknown) => void) =>
    lookup('a.example', { family: 6 }, (error, address) => done(error, address)),
  )
  expect(await single()).toBe('192.0.2.1')
  expect(asked).toEqual(['a.example 0', 'b.example 0', 'a.example 6'])
})

test('uses an old address for an hour while the system fails, and says what is wrong after that', async () => {
  const { find, move } = resolver(ONE, 'ENOTFOUND')
  await find('a.example')
  move(3_000_000)
  expect(await find('a.example')).toBe('192.0.2.1')
  move(700_000)
  await expect(find('a.example')).rejects.toMatchObject({ code: 'ENOTFOUND' })
})

test('does not remember that a name was unknown', async () => {
  const { find } = resolver('ENOTFOUND', ONE)
  await expect(find('a.example')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  expect(await find('a.example')).toBe('192.0.2.1')
})

test('answers after the turn in which it was asked, also when it knows', async () => {
  const { find, lookup } = resolver(ONE)
  await find('a.example')
  let answered = false
  const done = new Promise<void>((resolve) =>
    lookup('a.example', {}, () => {
      answered = true
      resolve()
    }),
  )
  expect(answered).toBe(false)
  await done
})
