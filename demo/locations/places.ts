// What is analysed where: ten collectors with 66 data points between them, fourteen places, and eighty analyses that three
// personas ask for, most of them of the same few places in the centre.

import { createHash } from 'node:crypto'

/** Each collector's data points; 66 in all. */
const FIELDS = {
  demographics: ['population', 'households', 'medianAge', 'medianIncome', 'students', 'families', 'seniors', 'growth'],
  competition: ['rivals', 'chains', 'nearestMetres', 'density', 'ratingMean', 'openings', 'closures'],
  accessibility: ['stops', 'parking', 'walkScore', 'bikeScore', 'roadRank', 'carsPerHour', 'stepFree'],
  footfall: ['weekday', 'weekend', 'morning', 'noon', 'evening', 'night', 'peakHour'],
  spending: ['groceries', 'clothing', 'dining', 'leisure', 'health', 'travel', 'total'],
  rents: ['perSquareMetre', 'vacancy', 'offers', 'trend', 'yield', 'leaseYears'],
  safety: ['incidents', 'thefts', 'lighting', 'patrols', 'score', 'trend'],
  schools: ['kindergartens', 'schools', 'universities', 'pupils', 'students', 'nearestMetres'],
  amenities: ['shops', 'restaurants', 'cafes', 'hotels', 'banks', 'parks'],
  zoning: ['residential', 'retail', 'office', 'industry', 'green', 'plots'],
} as const

export type Collector = keyof typeof FIELDS
export const COLLECTORS = Object.keys(FIELDS) as Collector[]
/** What a whole analysis delivers. */
export const POINTS = Object.values(FIELDS).flat().length

/** `radius` in metres. The more there is around an address, the longer some collector needs: such are in the centre. */
export type Place = { address: string; radius: number; isCentre: boolean }
export type Analysis = { id: string; persona: string; place: Place }
/** By names such as `rents.vacancy`. */
export type Points = Record<string, number>

/**
 * What came of one analysis: without its points unless it is ok or partial. `seconds` are unscaled; `fetched` is how many
 * collectors had to be asked for it.
 */
export type Analysed = {
  id: string
  outcome: 'ok' | 'partial' | 'timeout' | 'failed'
  points: Points
  seconds: number
  fetched: number
}

const CENTRE = ['1 Market Square', '12 Station Road', '40 Harbour Street']
const OUTSKIRTS = ['3 Mill Lane', '77 Orchard Way', '5 Quarry Hill', '210 Airport Road']
const RADII = [500, 1_000]

export const PLACES: readonly Place[] = [
  ...CENTRE.flatMap((address) => RADII.map((radius) => ({ address, radius, isCentre: true }))),
  ...OUTSKIRTS.flatMap((address) => RADII.map((radius) => ({ address, radius, isCentre: false }))),
]

/** How often each place is asked for: 68 times in the centre, 12 times elsewhere. */
const ASKED = [13, 13, 13, 13, 13, 3, 2, 2, 2, 2, 1, 1, 1, 1]
const PERSONAS = ['retail chain', 'restaurant owner', 'investor']
/** Has no divisor in common with 80, so that each is taken once and equal ones lie apart. */
const STRIDE = 37

export const ANALYSES: readonly Analysis[] = mixed(
  PLACES.flatMap((place, index) => Array.from({ length: ASKED[index] as number }, () => place)),
)

function mixed(places: readonly Place[]): Analysis[] {
  const each = Math.ceil(places.length / PERSONAS.length)
  return places.map((_, index) => {
    const persona = PERSONAS[Math.floor(index / each)] as string
    return { id: `${persona} ${(index % each) + 1}`, persona, place: places[(index * STRIDE) % places.length] as Place }
  })
}

/** What a collector knows of a place. */
export function pointsOf(collector: Collector, { address, radius }: Pick<Place, 'address' | 'radius'>): Points {
  const value = (field: string) => {
    const digest = createHash('sha256').update(`${collector} ${field} ${address} ${radius}`).digest()
    return digest.readUInt32BE() % 10_000
  }
  return Object.fromEntries(FIELDS[collector].map((field) => [`${collector}.${field}`, value(field)]))
}
