import { randomUUID } from 'node:crypto';

import type { Knowledge } from '../../contract/knowledge.ts';
import { asAppError, AppError } from '../../errors.ts';
import { askProcess } from '../../processes/ask-process.ts';
import { messageForFields } from '../../remedy.ts';
import type { ModelQuestion } from './ask-model.ts';

const worker = new URL('./knowledge-worker.ts', import.meta.url);

/** Each takes a process with a model in it. */
const mostAtOnce = 2;
/** Answers that are kept until others take their place. */
const mostKept = 32;

interface Asked {
  view: Knowledge;
  readonly cancel: AbortController;
}

/** Questions whether models know something, worked on beside the jobs; answers last as long as the server. */
export class ModelQuestions {
  private readonly asked = new Map<string, Asked>();

  /** @throws AppError `request.too-many` */
  ask(question: ModelQuestion): Knowledge {
    const running = [...this.asked.values()].filter(({ view }) => view.state === 'running');
    if (running.length >= mostAtOnce) {
      throw new AppError(
        'request.too-many',
        'other questions are being worked out. Wait until they are done, then ask again.',
      );
    }
    const id = randomUUID();
    const asked: Asked = {
      view: { id, state: 'running', done: 0, total: 0, prompts: null, error: null },
      cancel: new AbortController(),
    };
    this.asked.set(id, asked);
    this.forgetOldest();
    // Whoever asked looks again.
    void this.work(asked, question);
    return asked.view;
  }

  /** @throws AppError `knowledge.not-found` */
  view(id: string): Knowledge {
    return this.find(id).view;
  }

  /** Ends it if it is not over yet. @throws AppError `knowledge.not-found` */
  cancel(id: string): Knowledge {
    const asked = this.find(id);
    if (asked.view.state === 'running') {
      asked.view = { ...asked.view, state: 'cancelled' };
      asked.cancel.abort(new Error('the question was cancelled'));
    }
    return asked.view;
  }

  private find(id: string): Asked {
    const asked = this.asked.get(id);
    if (asked) return asked;
    throw new AppError('knowledge.not-found', `there is no question "${id}": ask again.`);
  }

  private forgetOldest(): void {
    for (const [id, { view }] of this.asked) {
      if (this.asked.size <= mostKept) return;
      if (view.state !== 'running') this.asked.delete(id);
    }
  }

  private async work(asked: Asked, question: ModelQuestion): Promise<void> {
    const change = (news: Partial<Knowledge>) => {
      if (asked.view.state === 'running') asked.view = { ...asked.view, ...news };
    };
    try {
      const prompts = await askProcess(worker, question, {
        ...{ purpose: 'the question', signal: asked.cancel.signal },
        onTold: (told) => {
          change(told as Pick<Knowledge, 'done' | 'total'>);
        },
      });
      change({ state: 'done', prompts: prompts as Knowledge['prompts'] });
    } catch (error) {
      const { message, remedy } = asAppError(error);
      change({ state: 'failed', error: messageForFields(message, remedy) });
    }
  }
}
