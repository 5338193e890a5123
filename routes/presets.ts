import type { Route } from './route.ts';

export const presetRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/presets',
    summary: "The presets: the program's and the person's own.",
    answer: { status: 200, type: 'application/json', description: 'PresetView[]' },
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.presets());
    },
  },
];
