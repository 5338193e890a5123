import type { Redis } from 'ioredis';

import { bullPrefix, keys } from './keys.ts';
import type { LaneState } from './lanes.ts';

/**
 * How many jobs wait in each queue and are worked on, and when the first that waits was put there. One in which
 * there is nothing any more is taken off the list: whoever puts a job there puts it on the list again.
 */
const lanesScript = `
local found = {}
for _, lane in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local own = ARGV[1] .. lane .. ':'
  local waiting = redis.call('LLEN', own .. 'wait')
  local active = redis.call('LLEN', own .. 'active')
  if waiting + active == 0 then
    redis.call('SREM', KEYS[1], lane)
  else
    local first = redis.call('LINDEX', own .. 'wait', -1)
    local since = first and redis.call('HGET', own .. first, 'timestamp')
    table.insert(found, { lane, waiting, active, since or '' })
  end
end
return found`;

/** The queues in which there is anything. */
export async function readLanes(redis: Redis): Promise<LaneState[]> {
  const found = await redis.eval(lanesScript, 1, keys.lanes, `${bullPrefix}:`);
  return (found as [string, number, number, string][]).map(([lane, waiting, active, since]) => ({
    ...{ lane, waiting, active },
    since: since === '' ? null : Number(since),
  }));
}
