// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of configuration files

import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { readCertificate } from '#cli/config/certificate.ts'
import { parseConfig, type ReadConfig } from '#cli/config.ts'
import { BadInput } from '#model/errors.ts'
import { CERTIFICATE, KEY } from '#test/certificate.ts'

const folder = mkdtempSync(join(tmpdir(), 'cyclewatch-config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const SECRET = 'geheimgeheimgeheim'
const ENV = { TOKEN: SECRET, SHORT: 'geheim' }

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
}

const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
write('cert.pem', CERTIFICATE)
write('key.pem', KEY)
write('chain.pem', `${CERTIFICATE}\n${CERTIFICATE}\n`)
write('other.pem', other.export({ type: 'pkcs8', format: 'pem' }) as string)
write('locked.pem', other.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }) as string)
write('junk.pem', '-----BEGIN CERTIFICATE-----\ngeheim\n-----END CERTIFICATE-----\n')
write('secret', `${SECRET}2\n`)
mkdirSync(join(folder, 'folder'))

const read = (text: string): ReadConfig => parseConfig(text, { label: 'c.yaml', folder, env: ENV })

/** Every problem as the user reads it, without the name of the file. */
function problemsOf(text: string): string[] {
  try {
    read(text)
  } catch (error) {
    if (!(error instanceof BadInput)) throw error
    return error.problems.map(({ path, message }) => `${path}: ${message}`.replace('c.yaml:', ''))
  }
  return []
}

const token = (different = '') =>
  `{ name: fetchers, secret: ${SECRET}, roles: [ingest]${different && `, ${different}`} }`

describe('tokens', () => {
  test('are read with their secrets from the file, the environment or files of their own', () => {
    const { config, shown } = read(`tokens:
  - ${token('services: [coins, prices]')}
  - { name: b, secret: "x\${TOKEN}", roles: [ingest] }
  - { name: c, secret_file: secret, roles: [ingest] }`)
    expect(config.tokens).toEqual([
      { name: 'fetchers', secret: SECRET, roles: ['ingest'], services: ['coins', 'prices'] },
      { name: 'b', secret: `x${SECRET}`, roles: ['ingest'] },
      { name: 'c', secret: `${SECRET}2`, roles: ['ingest'] },
    ])
    expect(stringify(shown)).not.toContain('geheim')
    expect(shown).toMatchObject({ tokens: [{ name: 'fetchers', secret: '***' }, { secret: '***' }, { secret: '***' }] })
  })

  test.each([
    ['have no name', '{ secret: aaaaaaaaaaaaaaaa, roles: [ingest] }', ['tokens[0].name: is missing']],
    ['have no secret', '{ name: a, roles: [ingest] }', ['tokens[0].secret: is missing']],
    ['have no role', '{ name: a, secret: aaaaaaaaaaaaaaaa }', ['tokens[0].roles: is missing']],
    ['have an empty list of roles', '{ name: a, secret: aaaaaaaaaaaaaaaa, roles: [] }', ['must name a role: ingest']],
    [
      'have a short secret',
      '{ name: a, secret: geheim, roles: [ingest] }',
      ['1:30: tokens[0].secret: must be at least 16 characters long'],
    ],
    [
      'have a short secret in a variable',
      '{ name: a, secret: "${SHORT}", roles: [ingest] }',
      ['must be at least 16 characters long'],
    ],
    [
      'have a variable that is not set',
      '{ name: a, secret: "${NOPE}", roles: [ingest] }',
      ['the environment variable NOPE is not set'],
    ],
    [
      'have a secret of several words',
      '{ name: a, secret: a secret of several words, roles: [ingest] }',
      ['must be printable ASCII characters without spaces: it is sent in a header'],
    ],
    [
      'have a number as secret',
      '{ name: a, secret: 1234567890123456, roles: [ingest] }',
      ['tokens[0].secret: must be text (put it in quotes)'],
    ],
    [
      'have a secret twice',
      '{ name: a, secret: aaaaaaaaaaaaaaaa, secret_file: secret, roles: [ingest] }',
      ['tokens[0].secret_file: cannot stand beside secret; keep one of the two'],
    ],
    [
      'may read',
      token().replace('[ingest]', '[ingest, read, operate]'),
      [
        'tokens[0].roles[1]: read is not there yet; the only role is ingest',
        'tokens[0].roles[2]: operate is not there yet; the only role is ingest',
      ],
    ],
    [
      'have an unknown role',
      token().replace('[ingest]', '[admin]'),
      ['tokens[0].roles[0]: must be ingest, the only role there is'],
    ],
    [
      'have no services in their list',
      token('services: []'),
      ['tokens[0].services: must name a service, or be left out to allow all'],
    ],
    [
      'have an unknown key',
      token('service: [coins]'),
      ['tokens[0].service: is not a key here; did you mean services?'],
    ],
    [
      'repeat',
      `${token()}, ${token()}`,
      ['tokens[1].name: is the name of tokens[0] already', 'tokens[1].secret: is the secret of tokens[0] already'],
    ],
    [
      'repeat in a file',
      `{ name: a, secret: ${SECRET}2, roles: [ingest] }, { name: b, secret_file: secret, roles: [ingest] }`,
      ['tokens[1].secret: is the secret of tokens[0] already'],
    ],
  ])('are refused when they %s, without telling a secret', (_, tokens, problems) => {
    const found = problemsOf(`tokens: [ ${tokens} ]`)
    expect(found).toEqual(problems.map((problem) => expect.stringContaining(problem)))
    expect(found.join()).not.toContain('geheim')
  })
})

describe('listening beyond loopback', () => {
  const open = 'ingest: { listen: "0.0.0.0:4318" }'
  const refused =
    '1:19: ingest.listen: 0.0.0.0 can be reached from other machines; give senders tokens (the key tokens), or listen on ' +
    '127.0.0.1 or [::1]'

  test('is allowed to ingest with a token, with TLS or without', () => {
    expect(problemsOf(`${open}\ntokens: [ ${token()} ]`)).toEqual([])
    const tls = open.replace(' }', ', tls: { cert: cert.pem, key: key.pem } }')
    expect(problemsOf(`${tls}\ntokens: [ ${token()} ]`)).toEqual([])
  })

  test.each(['', 'tokens: []', 'tokens:'])('is refused without a token: %j', (tokens) =>
    expect(problemsOf(`${open}\n${tokens}`)).toEqual([refused]),
  )

  test('is refused to the API even so', () => {
    expect(problemsOf(`api: { listen: "[::]:4380" }\ntokens: [ ${token()} ]`)).toEqual([
      '1:16: api.listen: :: can be reached from other machines; there are no tokens for reading yet, so listen on ' +
        '127.0.0.1 or [::1]',
    ])
  })
})

describe('TLS', () => {
  const tls = (cert: string, key: string) => `ingest:\n  tls: { cert: ${cert}, key: ${key} }`

  test.each(['cert.pem', 'chain.pem'])('takes %s, relative to the configuration file', (cert) => {
    const { config, shown } = read(tls(cert, './key.pem'))
    const files = { cert: join(folder, cert), key: join(folder, 'key.pem') }
    expect(config.ingest.tls).toEqual(files)
    expect(shown).toMatchObject({ ingest: { tls: files } })
    expect(read(stringify(shown)).config).toEqual(config)
    expect(readCertificate(files).key).toBe(KEY)
  })

  test('is off when it is null or not named', () => {
    expect(read('ingest: { tls: null }').config.ingest.tls).toBeNull()
    expect(read('ingest: { tls: }').config).toEqual(read('').config)
  })

  const PEM_CERT = 'must be a certificate in PEM form (-----BEGIN CERTIFICATE-----)'
  const PEM_KEY = 'must be a private key in PEM form (-----BEGIN PRIVATE KEY-----)'

  test.each([
    ['none.pem', 'key.pem', ['2:16: ingest.tls.cert: cannot be read: there is no such file']],
    ['cert.pem', 'folder', ['2:31: ingest.tls.key: cannot be read: it is a folder']],
    ['junk.pem', 'cert.pem', [`2:16: ingest.tls.cert: ${PEM_CERT}`, `2:31: ingest.tls.key: ${PEM_KEY}`]],
    ['key.pem', 'key.pem', [`2:16: ingest.tls.cert: ${PEM_CERT}`]],
    ['cert.pem', 'other.pem', ['2:31: ingest.tls.key: is not the key of the certificate in ingest.tls.cert']],
    ['cert.pem', 'locked.pem', ['2:31: ingest.tls.key: is locked with a passphrase; write it without one']],
    ['""', 'key.pem', ['2:16: ingest.tls.cert: must not be empty']],
    ['cert.pem', '', ['2:32: ingest.tls.key: is missing']],
    ['"${NOPE}"', 'key.pem', ['2:16: ingest.tls.cert: the environment variable NOPE is not set']],
  ])('refuses the certificate %s with the key %s', (cert, key, problems) => {
    expect(problemsOf(tls(cert, key))).toEqual(problems.map((problem) => expect.stringContaining(problem)))
  })

  test('says what is wrong with the files at the start, too', () => {
    expect(() => readCertificate({ cert: join(folder, 'cert.pem'), key: join(folder, 'other.pem') })).toThrow(
      new BadInput('ingest.tls.key: is not the key of the certificate in ingest.tls.cert'),
    )
  })
})
