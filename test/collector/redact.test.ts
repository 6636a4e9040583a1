import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isSecretName, redact } from '#collector/redact.ts'

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
