// SQL text as words, names, literals and signs, in the dialects that differ in where a literal ends. Total: any text
// gives tokens, in time proportional to its length. In doubt a character belongs to a literal or a comment, because a
// hidden word costs nothing and a shown password an account.

/** `text` of a literal is `?`; a name is an identifier in quotes. `spaced`: something blank or a comment came before. */
export type Token = { kind: 'word' | 'name' | 'literal' | 'sign'; text: string; spaced: boolean }

/** More of a text is not read: it takes no more to know what it does. */
const LONGEST_READ = 32_768

const BACKSLASHES = new Set(['mysql', 'mariadb', 'clickhouse'])
/** Where `'` strings certainly take a backslash as it is; elsewhere nobody knows. */
const PLAIN = new Set(['postgresql', 'sqlite', 'cockroachdb', 'oracle.db', 'microsoft.sql_server'])
/** Where double quotes certainly hold an identifier. SQLite takes what it does not know as text. */
const NAMES_IN_QUOTES = new Set(['postgresql', 'clickhouse', 'cockroachdb', 'oracle.db'])
const HASH_COMMENTS = new Set(['mysql', 'mariadb', 'clickhouse'])

// Sticky, and each made of parts that exclude each other, so that nothing is read twice.
const BLANK = /\s+/y
const LINE_COMMENT = /--[^\n]*/y
const HASH_COMMENT = /#[^\n]*/y
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy
const PLACEHOLDER = /\$\d+(?!\w|\$)|[:@][\p{L}_]\w*/uy
const NUMBER = /(?:\d|\.\d)(?:[eE][+-]\d|[\w.])*/y
const DOLLAR_TAG = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy
const STRING = /'[^']*(?:''[^']*)*(?:'|$)/y
const STRING_WITH_BACKSLASHES = /'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*(?:'|\\?$)/y
const DOUBLE = /"[^"]*(?:""[^"]*)*(?:"|$)/y
const DOUBLE_WITH_BACKSLASHES = /"[^"\\]*(?:(?:\\[\s\S]|"")[^"\\]*)*(?:"|\\?$)/y
const BACKTICKS = /`[^`]*(?:``[^`]*)*(?:`|$)/y
const BRACKETS = /\[[^\]]*(?:\]\][^\]]*)*(?:\]|$)/y

/** The tokens of a text in the dialect of this `db.system.name`, up to where two readings of it are possible. */
export function tokensOf(text: string, system: string): Token[] {
  const source = text.slice(0, LONGEST_READ)
  const tokens: Token[] = []
  let at = 0
  let spaced = false
  while (at < source.length) {
    const blank = skipBlank(source, at, system)
    if (blank > at) {
      spaced = true
      at = blank
      continue
    }
    const [kind, end] = tokenAt(source, at, system, tokens.at(-1), spaced)
    if (kind === 'unknown') break
    tokens.push({ kind, text: kind === 'literal' ? '?' : source.slice(at, end), spaced })
    spaced = false
    at = end
  }
  return tokens
}

function skipBlank(source: string, at: number, system: string): number {
  if (source.startsWith('/*', at)) return blockEnd(source, at)
  const comment = HASH_COMMENTS.has(system) ? matched(HASH_COMMENT, source, at) : at
  return Math.max(matched(BLANK, source, at), matched(LINE_COMMENT, source, at), comment)
}

/** Block comments nest in PostgreSQL; where they do not, this only takes more for one. */
function blockEnd(source: string, from: number): number {
  let depth = 0
  const marks = /\/\*|\*\//g
  marks.lastIndex = from
  for (let mark = marks.exec(source); mark; mark = marks.exec(source)) {
    depth += mark[0] === '/*' ? 1 : -1
    if (depth === 0) return marks.lastIndex
  }
  return source.length
}

type Found = [kind: Token['kind'] | 'unknown', end: number]

function tokenAt(source: string, at: number, system: string, before: Token | undefined, spaced: boolean): Found {
  const first = source[at] as string
  if (first === "'") return stringAt(source, at, system, spaced ? undefined : before)
  if (first === '"') return quotedAt(source, at, system)
  if (first === '`') return ['name', matched(BACKTICKS, source, at)]
  if (first === '[' && system === 'microsoft.sql_server') return ['name', matched(BRACKETS, source, at)]
  const word = matched(WORD, source, at)
  if (word > at) return ['word', word]
  const number = matched(NUMBER, source, at)
  if (number > at && !isPath(source, at, before, spaced)) return ['literal', number]
  const placeholder = matched(PLACEHOLDER, source, at)
  if (placeholder > at) return ['sign', placeholder]
  const tag = matched(DOLLAR_TAG, source, at)
  if (tag > at) return ['literal', dollarEnd(source, at, tag)]
  return ['sign', at + 1]
}

/** The dot between two names, as in `prices.2026`: not the beginning of a number. */
function isPath(source: string, at: number, before: Token | undefined, spaced: boolean): boolean {
  return source[at] === '.' && !spaced && before !== undefined && (before.kind === 'word' || before.kind === 'name')
}

function stringAt(source: string, at: number, system: string, prefix: Token | undefined): Found {
  const isEscaped = BACKSLASHES.has(system) || (prefix?.kind === 'word' && prefix.text.toUpperCase() === 'E')
  if (isEscaped) return ['literal', matched(STRING_WITH_BACKSLASHES, source, at)]
  return endOf('literal', source, at, system, STRING, STRING_WITH_BACKSLASHES)
}

function quotedAt(source: string, at: number, system: string): Found {
  if (NAMES_IN_QUOTES.has(system)) return ['name', matched(DOUBLE, source, at)]
  if (BACKSLASHES.has(system)) return ['literal', matched(DOUBLE_WITH_BACKSLASHES, source, at)]
  return endOf('name', source, at, system, DOUBLE, DOUBLE_WITH_BACKSLASHES)
}

/** Reads in one way where the dialect is known, in both only up to where they differ: a text must not be read twice. */
function endOf(
  kind: 'literal' | 'name',
  source: string,
  at: number,
  system: string,
  one: RegExp,
  other: RegExp,
): Found {
  const end = matched(one, source, at)
  return PLAIN.has(system) || end === matched(other, source, at) ? [kind, end] : ['unknown', at]
}

function dollarEnd(source: string, from: number, bodyAt: number): number {
  const tag = source.slice(from, bodyAt)
  const end = source.indexOf(tag, bodyAt)
  return end < 0 ? source.length : end + tag.length
}

/** Where the match that begins at `at` ends; `at` when there is none. */
function matched(pattern: RegExp, source: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(source) ? pattern.lastIndex : at
}
