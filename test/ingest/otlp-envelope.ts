// What is around the metrics or the log records of a request: resource, scope, and their schemas.

import { type Attributes, bytes, keyValues, keyValuesJson, number, some } from '#test/ingest/otlp.ts'

export type EnvelopeText = {
  resource?: Attributes
  resourceSchemaUrl?: string
  scope?: { name?: string; version?: string; attributes?: Attributes; droppedAttributes?: number }
  scopeSchemaUrl?: string
}

/** The field that holds these fields of one scope: resource_metrics or resource_logs. */
export function envelope(
  { resource, resourceSchemaUrl, scope, scopeSchemaUrl }: EnvelopeText,
  items: Buffer[],
): Buffer {
  return bytes(
    1,
    ...some(resource, (given) => bytes(1, ...keyValues(1, given))),
    bytes(
      2,
      ...some(scope, (given) => bytes(1, ...scopeFields(given))),
      ...items,
      ...some(scopeSchemaUrl, (url) => bytes(3, url)),
    ),
    ...some(resourceSchemaUrl, (url) => bytes(3, url)),
  )
}

function scopeFields({ name, version, attributes, droppedAttributes }: NonNullable<EnvelopeText['scope']>): Buffer[] {
  return [
    ...some(name, (text) => bytes(1, text)),
    ...some(version, (text) => bytes(2, text)),
    ...keyValues(3, attributes),
    ...some(droppedAttributes, (count) => number(4, count)),
  ]
}

/** The same as a value for JSON.stringify; `scopes` is the key of the list of scopes. */
export function envelopeJson(
  { resource, resourceSchemaUrl, scope, scopeSchemaUrl }: EnvelopeText,
  scopes: 'scopeMetrics' | 'scopeLogs',
  items: object,
): object {
  return {
    ...(resource ? { resource: { attributes: keyValuesJson(resource) } } : {}),
    ...(resourceSchemaUrl === undefined ? {} : { schemaUrl: resourceSchemaUrl }),
    [scopes]: [
      {
        ...(scope ? { scope: scopeJson(scope) } : {}),
        ...(scopeSchemaUrl === undefined ? {} : { schemaUrl: scopeSchemaUrl }),
        ...items,
      },
    ],
  }
}

function scopeJson({ attributes, droppedAttributes, ...rest }: NonNullable<EnvelopeText['scope']>): object {
  return {
    ...rest,
    ...(attributes ? { attributes: keyValuesJson(attributes) } : {}),
    ...(droppedAttributes === undefined ? {} : { droppedAttributesCount: droppedAttributes }),
  }
}
