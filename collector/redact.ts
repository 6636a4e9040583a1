// Secrets leave no process: credentials and secret-looking values in URLs become REDACTED, on their own or inside a text.
// Pure. When in doubt a value is hidden: a hidden sort key costs nothing, a shown one costs an account.

export const REDACTED = 'REDACTED'

/** The longest text on a span, in UTF-16 units. More of a message or a stack helps nobody and fills the queue. */
export const LONGEST_TEXT = 8_192

/** Part of a longer name, as in `refresh_token`, `X-Amz-Signature` or `clientSecret`. */
const TELLING =
  /token|secret|passw|passphrase|pwd|apikey|accesskey|privatekey|signature|credential|session|authoriz|bearer/
/** A word of its own inside a name, as in `api-key` or `auth[user]`, so that `monkey` and `author` stay readable. */
const TELLING_WORDS = new Set(['key', 'auth', 'oauth', 'sig', 'sid', 'jwt', 'otp', 'hmac', 'appid', 'pass'])
/** Too common inside other names: only the name itself. */
const TELLING_NAMES = new Set(['code', 'pin'])

// Texts may be long and hostile. In each pattern a match can begin at a mark only that the run after it excludes, so that
// no character is looked at from more than one beginning: the time stays in proportion to the length.
const USER_INFO = /\/\/([^\s/?#'"<>]*)@/g
const CUT_AUTHORITY = /\/\/[^\s/?#'"<>]*$/
const PARAMETER = /([?&;#])([^=&;#?\s'"<>]+)=([^&;#\s'"<>]*)/g

/**
 * `text` with every `user:password@` of a URL and every secret-looking parameter after `?`, `&`, `;` or `#` replaced.
 * Works on one URL, on a message that contains some, and on a path alone. Doing it twice changes nothing.
 */
export function redact(text: string): string {
  const anonymous = text.includes('@') ? text.replace(USER_INFO, hideUser) : text
  return anonymous.includes('=') ? anonymous.replace(PARAMETER, hideSecret) : anonymous
}

/**
 * `redact` for a text that was cut at its end, as far as anybody knows: an authority there may have lost the `@` that
 * tells a password from a host, so it is hidden. Half a parameter's value is hidden as a whole one is.
 */
export function redactCut(text: string): string {
  return redact(text.replace(CUT_AUTHORITY, `//${REDACTED}`))
}

/** Whether a parameter of this name, percent-encoded or not, should never be seen. */
export function isSecretName(name: string): boolean {
  const plain = decoded(name)
  if (TELLING_NAMES.has(plain.toLowerCase())) return true
  if (TELLING.test(plain.toLowerCase().replace(/[^a-z0-9]/g, ''))) return true
  const words = plain.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
  return words.split(/[^a-z0-9]+/).some((word) => TELLING_WORDS.has(word))
}

function hideUser(_: string, user: string): string {
  return `//${user.includes(':') ? `${REDACTED}:${REDACTED}` : REDACTED}@`
}

function hideSecret(whole: string, before: string, name: string, value: string): string {
  return value !== '' && isKnownSecret(name) ? `${before}${name}=${REDACTED}` : whole
}

/** A job asks with the same few names over and over. Long ones are not kept, nor is a flood of different ones. */
const known = new Map<string, boolean>()

function isKnownSecret(name: string): boolean {
  const before = known.get(name)
  if (before !== undefined) return before
  const secret = isSecretName(name)
  if (name.length <= 64 && known.size < 1_000) known.set(name, secret)
  return secret
}

function decoded(name: string): string {
  if (!name.includes('%')) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
