// Attribute values as JSON, the way the Collector writes the lists and maps among them into a column of text: keys in
// order, the last of equal ones, bytes in base64, no value as null (pdata's Value.AsString).

/** A value that is absent. */
export const NOTHING = 'null'

// Mostly nothing needs an escape, and looking is cheaper than JSON.stringify.
const SPECIAL = /[^ !#-[\]-\u2027\u202a-\uffff]/
// JSON.stringify leaves these two alone, Go does not.
const SEPARATORS = /[\u2028\u2029]/g

/** `text` has no halves of surrogate pairs. */
export function stringJson(text: string): string {
  if (!SPECIAL.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(SEPARATORS, (one) => `\\u${one.charCodeAt(0).toString(16)}`)
}

/** What is no number for JSON is its name as a string. */
export function doubleJson(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`
}

export function bytesJson(bytes: Buffer): string {
  return `"${bytes.toString('base64')}"`
}

export function listJson(items: string[]): string {
  return `[${items.join()}]`
}

/** Of JSON by key. */
export function mapJson(entries: Map<string, string>): string {
  return `{${sorted([...entries.keys()])
    .map((key) => `${stringJson(key)}:${entries.get(key)}`)
    .join()}}`
}

const SURROGATE = /[\ud800-\udfff]/

/** By their bytes in UTF-8. The order of UTF-16 is another only where there are surrogates, and much faster. */
function sorted(keys: string[]): string[] {
  if (!keys.some((key) => SURROGATE.test(key))) return keys.sort()
  return keys.sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
}

/** The text of an attribute whose value has this JSON. */
export function textOf(json: string): string {
  if (json === NOTHING) return ''
  return json.startsWith('"') ? JSON.parse(json) : json
}
