import type { Span } from '@opentelemetry/api'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recordFault } from '#collector/faults.ts'
import { isSecretName, LONGEST_TEXT, redact, redactCut } from '#collector/redact.ts'

const cases: [what: string, text: string, shown: string][] = [
  ['leaves a plain URL alone', 'https://h.org/coins?page=2&limit=50', 'https://h.org/coins?page=2&limit=50'],
  ['hides user and password', 'https://ann:s3cret@h.org/a', 'https://REDACTED:REDACTED@h.org/a'],
  ['hides a user without a password', 'https://ann@h.org/', 'https://REDACTED@h.org/'],
  ['hides a password with an @ in it', 'https://ann:p@ss@h.org/', 'https://REDACTED:REDACTED@h.org/'],
  ['hides the password of a database URL', 'postgres://ann:pw@db:5432/x', 'postgres://REDACTED:REDACTED@db:5432/x'],
  ['leaves an @ in a path alone', 'https://h.org/@ann/lists', 'https://h.org/@ann/lists'],
  ['leaves an @ in a query alone', 'https://h.org/?mail=a@b.c', 'https://h.org/?mail=a@b.c'],
  ['hides a parameter among others', 'https://h.org/?a=1&token=abc&b=2', 'https://h.org/?a=1&token=REDACTED&b=2'],
  ['hides whatever the case', 'https://h.org/?TOKEN=abc', 'https://h.org/?TOKEN=REDACTED'],
  ['hides each of several', 'https://h.org/?key=a&key=b', 'https://h.org/?key=REDACTED&key=REDACTED'],
  ['hides a value with an equals sign', 'https://h.org/?sig=ab==&x=1', 'https://h.org/?sig=REDACTED&x=1'],
  [
    'hides a fragment as some logins use it',
    'https://h.org/#access_token=abc&x=1',
    'https://h.org/#access_token=REDACTED&x=1',
  ],
  ['hides parameters parted by a semicolon', 'https://h.org/?a=1;pwd=x', 'https://h.org/?a=1;pwd=REDACTED'],
  ['hides a percent-encoded name', 'https://h.org/?%74oken=abc', 'https://h.org/?%74oken=REDACTED'],
  ['survives a name that decodes to nothing', 'https://h.org/?%zztoken=abc', 'https://h.org/?%zztoken=REDACTED'],
  ['keeps an empty value', 'https://h.org/?token=&a=1', 'https://h.org/?token=&a=1'],
  ['hides in a path alone', '/v1/coins?api_key=abc', '/v1/coins?api_key=REDACTED'],
  [
    'hides in a message',
    "GET 'https://u:p@h.org/?key=a b' failed",
    "GET 'https://REDACTED:REDACTED@h.org/?key=REDACTED b' failed",
  ],
  [
    'hides in each URL of a message',
    'http://a/?sig=1 to http://b/?sig=2',
    'http://a/?sig=REDACTED to http://b/?sig=REDACTED',
  ],
  ['leaves prose with an equals sign alone', 'exit code=1, key=none', 'exit code=1, key=none'],
  ['leaves nothing alone', '', ''],
]

for (const [what, text, shown] of cases) test(what, () => expect(redact(text)).toBe(shown))

const secret = `token key api_key apikey api-key apiKey secret client_secret clientSecret password passwd pwd passphrase auth
  Authorization signature sig X-Amz-Signature X-Amz-Credential X-Amz-Security-Token X-Goog-Signature AWSAccessKeyId access_token
  refresh_token id_token code session sessionid PHPSESSIONID session_id sid jwt appid auth[token] user.password private_key hmac`

for (const name of secret.split(/\s+/)) test(`takes ${name} for a secret`, () => expect(isSecretName(name)).toBe(true))

for (const name of 'page monkey keyword author country_code zipcode signal assign passenger compass from to symbol'.split(
  ' ',
)) {
  test(`takes ${name} for no secret`, () => expect(isSecretName(name)).toBe(false))
}

test('never shows a secret value, whatever surrounds it', () => {
  const value = fc.stringMatching(/^[A-Za-z0-9._~%-]{6,30}$/).map((text) => `Zz${text}`)
  const name = fc.constantFrom('token', 'api_key', 'X-Amz-Signature', 'PASSWORD', 'client.secret')
  const around = fc.webUrl({ withQueryParameters: true })
  fc.assert(
    fc.property(around, name, value, fc.boolean(), (url, key, hidden, inText) => {
      const whole = `${url}${url.includes('?') ? '&' : '?'}${key}=${hidden}`
      expect(redact(inText ? `failed: ${whole}, gave up` : whole)).not.toContain(`=${hidden}`)
    }),
  )
})

test('changes nothing when done twice', () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
      expect(redact(redact(url))).toBe(redact(url))
    }),
  )
})

// Each a megabyte; looked at from every beginning anew, any of them would take minutes.
const MEGABYTE = 2 ** 20
const floods: [what: string, text: string][] = [
  ['letters and an @', `${'a'.repeat(MEGABYTE)}@`],
  ['hex digits around an @', `${'0f'.repeat(MEGABYTE / 4)}@${'0f'.repeat(MEGABYTE / 4)}`],
  ['an endless scheme', `ftp:${'a'.repeat(MEGABYTE)}@`],
  ['schemes in a row', `${'a:'.repeat(MEGABYTE / 2)}//@`],
  ['an authority without an end', `//${'a'.repeat(MEGABYTE)} @`],
  ['slashes', `${'/'.repeat(MEGABYTE)} @`],
  ['many beginnings of an authority', `${'//a'.repeat(MEGABYTE / 3)} @`],
  ['many users', '//a@'.repeat(MEGABYTE / 4)],
  ['many @', `//${'@'.repeat(MEGABYTE)}`],
  ['a parameter name without an end', `?${'a'.repeat(MEGABYTE)} =`],
  ['a parameter name of words', `?${'aB-'.repeat(MEGABYTE / 3)}=1`],
  ['a parameter name of percent signs', `?${'%'.repeat(MEGABYTE)}=1`],
  ['question marks', `${'?'.repeat(MEGABYTE)}=`],
  ['equals signs', `?${'='.repeat(MEGABYTE)}`],
  ['many secrets', '?key=1'.repeat(MEGABYTE / 6)],
  ['many different parameters', Array.from({ length: 100_000 }, (_, n) => `&p${n}=${n}`).join('')],
]

for (const [what, text] of floods) {
  test(`gets through a megabyte of ${what}`, () => {
    expect(redact(text)).not.toContain('//a@')
    expect(redactCut(text)).not.toContain('//a@')
  })
}

test('hides what a cut left of a password', () => {
  expect(redactCut('gone: https://ann:s3cr')).toBe('gone: https://REDACTED')
  expect(redactCut('gone: https://ann:p@ss')).toBe('gone: https://REDACTED')
  expect(redactCut('gone: https://h.org/a?token=ab')).toBe('gone: https://h.org/a?token=REDACTED')
  expect(redactCut('gone: https://h.org/a')).toBe('gone: https://h.org/a')
})

/** The message as a span is told of it. */
function recorded(message: string): string {
  let shown = ''
  const span = { addEvent() {}, setStatus: (status: { message: string }) => (shown = status.message) }
  recordFault(span as unknown as Span, new Error(message))
  return shown
}

test('shows the beginning of an error of a megabyte', () => {
  expect(recorded(`${'0f'.repeat(MEGABYTE / 2)}@`)).toBe(`${'0f'.repeat(LONGEST_TEXT / 2)}…`)
})

test('never shows half a password, wherever a long message is cut', () => {
  // So much of it is secret that hiding it brings the far end into view.
  const start = `https://h.org/?token=${'x'.repeat(4 * LONGEST_TEXT - 1_000)}`
  for (let gap = 900; gap < 1_000; gap += 1) {
    const shown = recorded(`${start}${'x'.repeat(gap)} https://ann:hunter2hunter2@h.org/`)
    expect(shown).toMatch(/^https:\/\/h\.org\/\?token=REDACTED/)
    expect(shown).not.toMatch(/hun|ann/)
  }
})
