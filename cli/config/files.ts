// Reading the files a user names, and saying in a few words why one cannot be read.

import { readFileSync } from 'node:fs'

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is not a folder',
  EISDIR: 'it is a folder',
  EACCES: 'permission is denied',
  ELOOP: 'its links go round in circles',
}

/** A file that is not there, not readable, or not text. */
export type Unreadable = { missing: boolean; reason: string }

/** The text of a UTF-8 file, or why there is none. */
export function readText(path: string): string | Unreadable {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return { missing: false, reason: 'it is not UTF-8 text' }
    return { missing: code === 'ENOENT', reason: REASONS[code] ?? code }
  }
}
