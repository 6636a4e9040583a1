import { expect, test } from 'vitest'
import { insertIsolating } from '#ingest/spool/isolate.ts'
import { BadInput, Unavailable } from '#model/errors.ts'

/** A table that refuses whole inserts with a capital letter in them and takes each token once. */
function table() {
  const rows = new Map<string, string>()
  const insert = async (bodies: string[], token: string) => {
    const text = bodies.join('')
    if (/[A-Z]/.test(text)) throw new BadInput(`no capitals: ${text}`)
    rows.set(token, text)
  }
  return { insert, stored: () => [...rows.values()].join('').split('').sort().join('') }
}

test.each([
  ['abcdefgh', 'abcdefgh', []],
  ['abcDefgh', 'abcefgh', ['D']],
  ['Abcdefgh', 'bcdefgh', ['A']],
  ['aBcdefgH', 'acdefg', ['B', 'H']],
  ['ABC', '', ['A', 'B', 'C']],
  ['X', '', ['X']],
  ['', '', []],
])('stores of %o all but the guilty', async (sent, stored, guilty) => {
  const { insert, stored: now } = table()
  const found = await insertIsolating(sent.split(''), 't', insert)
  expect(now()).toBe(stored)
  expect(found.map(({ body }) => body)).toEqual(guilty)
  expect(found.map(({ reason }) => reason)).toEqual(guilty.map((one) => `no capitals: ${one}`))
})

test('stores nothing twice when it has to begin again in the middle', async () => {
  const { insert, stored } = table()
  let calls = 0
  const failing = async (bodies: string[], token: string) => {
    calls += 1
    if (calls === 5) throw new Unavailable('gone')
    await insert(bodies, token)
  }
  await expect(insertIsolating([...'abCdefgh'], 't', failing)).rejects.toThrow('gone')
  expect(await insertIsolating([...'abCdefgh'], 't', insert)).toHaveLength(1)
  expect(stored()).toBe('abdefgh')
})
