import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, inject, test } from 'vitest'
import { openDatabase } from '#storage/client.ts'

/** What a server says that is not as it should be, and how it is told. */
const cases = [
  {
    code: 516,
    text: 'x: Authentication failed (AUTHENTICATION_FAILED)',
    says: /refuses the user or password \(clickhouse\.user/,
  },
  { code: 497, text: 'x: Not enough privileges (ACCESS_DENIED)', says: /does not grant what is needed/ },
  { code: 81, text: 'Database x does not exist (UNKNOWN_DATABASE)', says: /has no such database yet; run migrate/ },
  { code: 241, text: 'Memory limit exceeded (MEMORY_LIMIT_EXCEEDED)', says: /Memory limit exceeded/ },
  { code: 0, text: '<h1>It works!</h1>', says: /cannot be used/ },
]

test.each(cases)('tells what a server means that answers with code $code', async ({ code, text, says }) => {
  const server = createServer((_, response) => {
    if (code > 0) response.setHeader('X-ClickHouse-Exception-Code', code)
    response.writeHead(code > 0 ? 500 : 404).end(code > 0 ? `Code: ${code}. DB::Exception: ${text}` : text)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const db = openDatabase({ url, user: 'x', password: 'secret' }, 'x')
  const error = await db.read('server_version').catch((thrown: Error) => thrown)
  expect(error).toMatchObject({ name: 'Unavailable', message: expect.stringMatching(says) })
  expect((error as Error).message).not.toContain('secret')
  await db.close()
  server.close()
})

test('tells that nothing listens, and where', async () => {
  const db = openDatabase({ url: 'http://127.0.0.1:9', user: 'x', password: 'x' }, 'x')
  await expect(db.read('server_version')).rejects.toMatchObject({
    name: 'Unavailable',
    message: expect.stringMatching(/^ClickHouse at http:\/\/127\.0\.0\.1:9 cannot be used: .*ECONNREFUSED/),
  })
  await db.close()
})

test('leaves a statement that is wrong what it is: a bug', async () => {
  const db = openDatabase(inject('clickhouse'), 'system')
  await expect(db.run('SELEKT 1')).rejects.toMatchObject({ name: 'Error', code: '62' })
  await db.close()
})
