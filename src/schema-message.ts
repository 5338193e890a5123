import { z } from 'zod';

/** What does not fit a schema, on one line. */
export function schemaMessage(error: z.ZodError): string {
  return z.prettifyError(error).replaceAll(/\s*\n\s*/g, ' ');
}
