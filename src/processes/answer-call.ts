import { describeError } from '../jobs/describe-error.ts';

/** Makes this process the one that `callChild` starts: it does the work once, answers and exits. */
export function answerCall(work: (question: never) => Promise<unknown>): void {
  process.once('message', (question: unknown) => {
    void work(question as never)
      .then(
        (answer) => ({ answer }),
        (error: unknown) => ({ error: describeError(error).event }),
      )
      .then((reply) =>
        process.send?.(reply, undefined, undefined, () => {
          process.exit();
        }),
      );
  });
  // Nobody is left to hear the answer.
  process.once('disconnect', () => {
    process.exit();
  });
}
