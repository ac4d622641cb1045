import { z } from 'zod'

/** The keys that a schema knows at a path, whichever of its alternatives is meant. */
export function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  let found = objectsIn(schema)
  for (const key of path) if (typeof key !== 'number') found = found.flatMap(({ shape }) => objectsIn(shape[String(key)]))
  return [...new Set(found.flatMap(({ shape }) => Object.keys(shape)))]
}

function objectsIn(schema: unknown): z.ZodObject[] {
  if (schema instanceof z.ZodObject) return [schema]
  // The items of a list have no names of their own.
  if (schema instanceof z.ZodArray) return objectsIn(schema.element)
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(objectsIn)
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable
  )
    return objectsIn(schema.unwrap())
  return []
}
