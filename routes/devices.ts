import { z } from 'zod';

import { deviceViewSchema } from '../src/contract/views.ts';
import { json, type Route } from './route.ts';

export const deviceRoutes: readonly Route[] = [
  {
    method: 'get',
    path: '/devices',
    summary: 'What can be trained on; each device is tried once.',
    answer: json(z.array(deviceViewSchema), 'The devices'),
    errors: [],
    handle: async (services, _, response) => {
      response.json(await services.devices());
    },
  },
];
