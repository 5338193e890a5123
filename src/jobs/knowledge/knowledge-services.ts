import type { KnowledgeServices } from '../../contract/services.ts';
import { hostDrawing } from '../../hosts/host-drawing.ts';
import type { Host } from '../../hosts/host.ts';
import type { CompanionFiles } from '../companion-files.ts';
import type { JobService } from '../job-service.ts';
import { chooseCompanions } from '../request/choose-companions.ts';
import { ModelQuestions } from './model-questions.ts';

/** Questions to the models of a host, drawn as it is set to draw. */
export function knowledgeServices({
  jobs,
  host,
  companions,
  threads,
}: {
  readonly jobs: Pick<JobService, 'findModel'>;
  readonly host: Host;
  readonly companions: CompanionFiles;
  readonly threads: number;
}): KnowledgeServices {
  const questions = new ModelQuestions();
  return {
    async ask({ concept, prompts, count, seed, device, ...request }) {
      const model = await jobs.findModel(request.model);
      const { baseLoras = [], ...wished } = await chooseCompanions(request, companions, model);
      return questions.ask({
        ...{ model: model.path, concept, prompts, count, seed, device, threads },
        ...{ companions: wished, baseLoras },
        drawing: (await hostDrawing(host, model)).draws,
      });
    },
    view: (id) => questions.view(id),
    cancel: (id) => questions.cancel(id),
  };
}
