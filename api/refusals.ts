// How the document describes the answers of routes about cycles that are no success.

import { errorAnswer } from './schemas.ts'

const content = { 'application/json': { schema: errorAnswer } }

export const wrong = { description: 'A parameter is wrong', content }
export const unknown = { description: 'There is no such cycle', content }
