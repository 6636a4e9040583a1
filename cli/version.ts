// Who we are, from package.json, and what we are called where we stand.

import { readFileSync } from 'node:fs'
import { z } from 'zod'

const identity = z.object({ description: z.string(), version: z.string() })

/** Description and version of this package, run from a checkout (one folder up) or packed (below dist/). */
export function ourPackage(): z.output<typeof identity> {
  for (const place of ['..', '../..']) {
    const found = identity.safeParse(packageAt(new URL(`${place}/package.json`, import.meta.url)))
    if (found.success) return found.data
  }
  throw new Error('package.json of cyclewatch is not where it should be')
}

/** The command as a person types it: the launcher in a checkout, which runs TypeScript, or what npm put on the path. */
export function ourCommand(file = import.meta.filename): string {
  return file.endsWith('.ts') ? './cyclewatch' : 'cyclewatch'
}

// dist/ has a package.json of its own, without a version.
function packageAt(place: URL): unknown {
  try {
    return JSON.parse(readFileSync(place, 'utf8'))
  } catch {
    return null
  }
}
