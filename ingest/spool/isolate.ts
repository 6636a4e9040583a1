// One body that ClickHouse refuses must not hold back the others of its segment: halves are tried until it stands alone.

import { BadInput, messageOf } from '#model/errors.ts'

/** Stores bodies. Throws BadInput when one of them cannot be stored, Unavailable when all of them may be later. */
type Insert<Body> = (bodies: Body[], token: string) => Promise<void>

/**
 * Stores all bodies but the guilty ones, which it returns with the reasons; throws what is not BadInput. Halves have
 * tokens of their own, always the same, so that doing all of it again stores nothing twice. ClickHouse refuses what it
 * cannot read before it stores any of it, so a body is never stored under the tokens of two sizes.
 */
export async function insertIsolating<Body>(
  bodies: Body[],
  token: string,
  insert: Insert<Body>,
): Promise<{ body: Body; reason: string }[]> {
  if (bodies.length === 0) return []
  try {
    await insert(bodies, token)
    return []
  } catch (error) {
    if (!(error instanceof BadInput)) throw error
    const [only] = bodies
    if (bodies.length === 1 && only !== undefined) return [{ body: only, reason: messageOf(error) }]
  }
  const middle = bodies.length >> 1
  const left = await insertIsolating(bodies.slice(0, middle), `${token}.0`, insert)
  const right = await insertIsolating(bodies.slice(middle), `${token}.1`, insert)
  return [...left, ...right]
}
