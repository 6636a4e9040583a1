// Text of strangers on a terminal.

/**
 * Text that came from outside, safe to show in one line of a terminal: control characters, escapes, line breaks,
 * direction overrides and whatever else is invisible become visible signs.
 */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x20) return String.fromCodePoint(0x2400 + code)
    return code === 0x7f ? '\u2421' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`
  })
}
