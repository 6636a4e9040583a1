// The sections of the configuration that say where data lives: `data`, `clickhouse` and `engine`.

import { z } from 'zod'

const serverUrl = z.string().superRefine((text, { addIssue }) => {
  const problem = urlProblem(text)
  if (problem) addIssue(problem)
})

const clickhouse = z
  .strictObject({
    /** Absent: the embedded engine. */
    url: serverUrl.exactOptional(),
    user: z.string().min(1, 'must not be empty').default('default'),
    password: z.string().meta({ secret: true }).default(''),
    database: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be letters, digits and _, at most 64, and not begin with a digit')
      .default('cyclewatch'),
  })
  .superRefine(({ url, user, password }, { addIssue }) => {
    if (url !== undefined || (user === 'default' && password === '')) return
    addIssue({ code: 'custom', path: ['url'], message: 'is missing: user and password are those of a server' })
  })

/** `data` is a folder, relative to the configuration file until cli makes it absolute. */
export const storageConfig = z.strictObject({
  data: z
    .string()
    .refine((path) => path.trim() !== '', 'must not be empty')
    .refine((path) => !path.startsWith('~'), 'must be a path without ~; write $' + '{HOME}/… instead')
    .refine((path) => !path.includes('\0'), 'must not hold a zero byte')
    .default('./data'),
  clickhouse: clickhouse.prefault({}),
  /** Of the embedded engine; port 0 is any free one. */
  engine: z.strictObject({ httpPort: z.int().min(0).max(65_535).default(8123) }).prefault({}),
})

// Never repeats the URL: what is wrong with it may be the password inside.
function urlProblem(text: string): string | null {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) return 'must be a URL such as http://localhost:8123 or https://host:8443'
  if (url.username || url.password) return 'must not hold user and password; use the keys user and password'
  if (url.search || url.hash) return 'must end before ? and #; the database goes into the key database'
  return null
}
