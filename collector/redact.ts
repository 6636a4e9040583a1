// Secrets leave no process: credentials and secret-looking values in URLs become REDACTED, on their own or inside a text.
// Pure. When in doubt a value is hidden: a hidden sort key costs nothing, a shown one costs an account.

export const REDACTED = 'REDACTED'

/** Part of a longer name, as in `refresh_token`, `X-Amz-Signature` or `clientSecret`. */
const TELLING =
  /token|secret|passw|passphrase|pwd|apikey|accesskey|privatekey|signature|credential|session|authoriz|bearer/
/** A word of its own inside a name, as in `api-key` or `auth[user]`, so that `monkey` and `author` stay readable. */
const TELLING_WORDS = new Set(['key', 'auth', 'oauth', 'sig', 'sid', 'jwt', 'otp', 'hmac', 'appid', 'pass'])
/** Too common inside other names: only the name itself. */
const TELLING_NAMES = new Set(['code', 'pin'])

const USER_INFO = /([a-z][a-z0-9+.-]*:)?\/\/([^\s/?#'"<>]*)@/gi
const PARAMETER = /([?&;#])([^=&;#?\s'"<>]+)=([^&;#\s'"<>]*)/g

/**
 * `text` with every `user:password@` of a URL and every secret-looking parameter after `?`, `&`, `;` or `#` replaced.
 * Works on one URL, on a message that contains some, and on a path alone. Doing it twice changes nothing.
 */
export function redact(text: string): string {
  const anonymous = text.includes('@') ? text.replace(USER_INFO, hideUser) : text
  return anonymous.includes('=') ? anonymous.replace(PARAMETER, hideSecret) : anonymous
}

/** Whether a parameter of this name, percent-encoded or not, should never be seen. */
export function isSecretName(name: string): boolean {
  const plain = decoded(name)
  if (TELLING_NAMES.has(plain.toLowerCase())) return true
  if (TELLING.test(plain.toLowerCase().replace(/[^a-z0-9]/g, ''))) return true
  const words = plain.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
  return words.split(/[^a-z0-9]+/).some((word) => TELLING_WORDS.has(word))
}

function hideUser(_: string, scheme: string | undefined, user: string): string {
  return `${scheme ?? ''}//${user.includes(':') ? `${REDACTED}:${REDACTED}` : REDACTED}@`
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
