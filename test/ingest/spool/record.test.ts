import fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestOf } from '#ingest/spool/digest.ts'
import { HEADER_BYTES, headerOf, type Piece, readPieces } from '#ingest/spool/record.ts'

const record = (body: Buffer, items = 1) => {
  return Buffer.concat([headerOf({ digest: digestOf(body), items, body }), body])
}
const one = record(Buffer.from('one'), 1)
const two = record(Buffer.from('two two'), 2)
const three = record(Buffer.from('three three three'), 3)

/** A segment as a line of words: bodies as they are, damaged bytes by their number, a torn end. */
function told(file: Buffer): string {
  const word = (piece: Piece) => {
    if (piece.is === 'record') return `'${piece.body}' of ${piece.items}`
    return piece.is === 'damaged' ? `${piece.bytes.length} damaged` : 'torn'
  }
  return [...readPieces(file)].map(word).join(', ')
}

function flipped(file: Buffer, at: number): Buffer {
  const copy = Buffer.from(file)
  copy[at] = (copy[at] as number) ^ 0x10
  return copy
}

const BODY = HEADER_BYTES
const whole = Buffer.concat([one, two, three])
const SECOND = one.length

test.each([
  ['reads back what was written', whole, `'one' of 1, 'two two' of 2, 'three three three' of 3`],
  ['reads nothing from an empty file', Buffer.alloc(0), ''],
  ['reads an empty body', record(Buffer.alloc(0)), `'' of 1`],
  ['leaves a half body at the end', whole.subarray(0, -1), `'one' of 1, 'two two' of 2, torn`],
  ['leaves a half header at the end', Buffer.concat([one, two.subarray(0, 20)]), `'one' of 1, torn`],
  ['leaves one byte of a header at the end', Buffer.concat([one, two.subarray(0, 1)]), `'one' of 1, torn`],
  ['leaves zeros at the end', Buffer.concat([one, Buffer.alloc(500)]), `'one' of 1, torn`],
  [
    'goes on behind a damaged body',
    flipped(whole, SECOND + BODY),
    `'one' of 1, ${two.length} damaged, 'three three three' of 3`,
  ],
  [
    'goes on behind a damaged length',
    flipped(whole, SECOND + 8),
    `'one' of 1, ${two.length} damaged, 'three three three' of 3`,
  ],
  [
    'goes on behind a damaged marker',
    flipped(whole, 0),
    `${one.length} damaged, 'two two' of 2, 'three three three' of 3`,
  ],
  ['keeps a last record whose body is damaged', flipped(one, BODY), `${one.length} damaged`],
  ['keeps a last record whose header is damaged', flipped(one, 9), `${one.length} damaged`],
  ['keeps what was never a record', Buffer.from('x'.repeat(60)), '60 damaged'],
])('%s', (_, file, expected) => {
  expect(told(file)).toBe(expected)
})

test('says where each piece begins, so that a damaged one has the same name after every attempt', () => {
  expect([...readPieces(flipped(whole, SECOND + BODY))].map(({ at }) => at)).toEqual([0, SECOND, SECOND + two.length])
})

test('finds the record behind a body that holds a whole record', () => {
  const nested = record(Buffer.concat([Buffer.from('CWr1'), one]))
  expect([...readPieces(Buffer.concat([nested, two]))].map(({ is }) => is)).toEqual(['record', 'record'])
})

test('loses no record to any single flipped bit but the one that holds it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
      const copy = Buffer.from(whole)
      copy[at] = (copy[at] as number) ^ (1 << bit)
      const pieces = [...readPieces(copy)]
      expect(pieces.map(({ is }) => is).sort()).toEqual(['damaged', 'record', 'record'])
    }),
  )
})

test('reads, of a file cut anywhere, exactly the records that are whole', () => {
  for (let length = 0; length <= whole.length; length++) {
    const records = [...readPieces(whole.subarray(0, length))].filter(({ is }) => is === 'record')
    const complete = [one.length, one.length + two.length, whole.length].filter((end) => end <= length)
    expect(records).toHaveLength(complete.length)
  }
})
