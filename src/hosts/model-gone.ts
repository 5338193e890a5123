import { AppError } from '../errors.ts';

/** The error of a model that a host does not have any more. */
export function modelGone(name: string): AppError {
  return new AppError(
    'model.not-found',
    `there is no model "${name}" any more. Put it back into the models folder, or choose another one.`,
  );
}
