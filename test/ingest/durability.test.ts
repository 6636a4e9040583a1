// A few kills and troubles of each kind; npm run soak has the full counts.

import { expect, test } from 'vitest'
import { isSound } from '#test/soak/account.ts'
import { isGood, SHORT, sufferKills } from '#test/soak/kills.ts'
import { getIntoTrouble, SHORT as SMALL, TROUBLES } from '#test/soak/trouble.ts'

const SEED = 3

test.concurrent('has every span of an answered body once, whoever is killed and when', {
  timeout: 240_000,
}, async () => {
  let rounds = 0
  await sufferKills(SEED, SHORT, (survived) => {
    rounds += 1
    const { account, faults, tally } = survived
    expect(isGood(survived), JSON.stringify({ account, faults })).toBe(true)
    expect(tally.retried).toBeGreaterThan(0)
  })
  expect(rounds).toBe(SHORT.length)
})

test.concurrent('loses nothing answered while ClickHouse is away, spool or disk are full, or bytes change', {
  timeout: 240_000,
}, async () => {
  const met: string[] = []
  await getIntoTrouble(SEED, SMALL, ({ trouble, account, faults }) => {
    met.push(trouble)
    expect(isSound(account) && faults.length === 0, JSON.stringify({ trouble, account, faults })).toBe(true)
  })
  expect(met).toEqual(Object.keys(TROUBLES))
})
