import type { Route } from './route.ts';

export const deviceRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/devices',
    summary: 'What can be trained on; each device is tried once.',
    answer: { status: 200, type: 'application/json', description: 'DeviceView[]' },
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.devices());
    },
  },
];
