"""What the ledger in Redis asks about jobs in one go; all its keys lie in the catalogue's slot.

Each script may run twice: a connection that broke does not say whether the first one got through.
"""

from __future__ import annotations

from earmark.stores.redis_client import Script

JOB_STATES = ("queued", "running", "done", "failed", "cancelled")

# The keys of every script about jobs, from 1; a job is in the sorted set of its state, by its
# place in the order of arrival. What was asked for may be large, so it lies apart from the record,
# which is written every second. `leases` says until when a worker has a job, `offered` when the
# queue was last told of it, both in milliseconds of Redis' clock.
JOB_KEYS = (
    *("records", "requests", "order", "seq", "unwanted"),
    *("leases", "holders", "offered", "ended"),
    *JOB_STATES,
)
_NAMED = [f"local {name.upper()} = KEYS[{at}]" for at, name in enumerate(JOB_KEYS, 1)]
_PLACES = (
    "; ".join(_NAMED)
    + """
local function whole(id)
  return {redis.call('HGET', RECORDS, id), redis.call('HGET', REQUESTS, id),
    redis.call('SISMEMBER', UNWANTED, id)}
end
"""
)
_MOVE = (
    _PLACES
    + """
local STATES = {queued = QUEUED, running = RUNNING, done = DONE, failed = FAILED,
  cancelled = CANCELLED}
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function till_ms(id) return tonumber(redis.call('ZSCORE', LEASES, id) or 0) end
local function holder(id, now) return till_ms(id) > now and redis.call('HGET', HOLDERS, id) end
local function let_go(id)
  redis.call('ZREM', LEASES, id)
  redis.call('HDEL', HOLDERS, id)
end
local function take_out(id)
  redis.call('ZREM', ENDED, id)
  for _, key in pairs(STATES) do redis.call('ZREM', key, id) end
end
local function move(id, state, place)
  take_out(id)
  redis.call('ZADD', STATES[state], place, id)
  if state == 'queued' then redis.call('ZADD', OFFERED, now_ms(), id) end
  if state ~= 'queued' and state ~= 'running' then
    redis.call('ZADD', ENDED, place, id)
    redis.call('ZREM', OFFERED, id)
  end
  if state ~= 'running' then let_go(id) end
end
"""
)
# id, state, record, wanted, how many ended jobs are kept, request.
ADD_JOB = Script(
    _MOVE
    + """
if redis.call('HSETNX', RECORDS, ARGV[1], ARGV[3]) == 0 then return 0 end
redis.call('HSET', REQUESTS, ARGV[1], ARGV[6])
local place = redis.call('INCR', SEQ)
redis.call('ZADD', ORDER, place, ARGV[1])
if ARGV[4] == '0' then redis.call('SADD', UNWANTED, ARGV[1]) end
move(ARGV[1], ARGV[2], place)
local excess = redis.call('ZCARD', ENDED) - ARGV[5]
if excess > 0 then
  for _, id in ipairs(redis.call('ZRANGE', ENDED, 0, excess - 1)) do
    redis.call('HDEL', RECORDS, id)
    redis.call('HDEL', REQUESTS, id)
    redis.call('SREM', UNWANTED, id)
    redis.call('ZREM', ORDER, id)
    take_out(id)
  end
end
return 1
"""
)
# id, state, record, worker (empty: anyone), request (empty: as it is).
# -1: there is no such job, 0: the worker does not have it.
PUT_JOB = Script(
    _MOVE
    + """
local place = redis.call('ZSCORE', ORDER, ARGV[1])
if not place then return -1 end
-- Whose lease has run out has the job all the same, for as long as nobody else has taken it.
if ARGV[4] ~= '' and redis.call('HGET', HOLDERS, ARGV[1]) ~= ARGV[4] then
  -- Asked again: what it was to write stands, and the lease has ended with it.
  return redis.call('HGET', RECORDS, ARGV[1]) == ARGV[3] and ARGV[2] ~= 'running' and 1 or 0
end
redis.call('HSET', RECORDS, ARGV[1], ARGV[3])
if ARGV[5] ~= '' then redis.call('HSET', REQUESTS, ARGV[1], ARGV[5]) end
move(ARGV[1], ARGV[2], place)
return 1
"""
)
# id.
CANCEL_JOB = Script(
    _PLACES
    + """
if redis.call('HEXISTS', RECORDS, ARGV[1]) == 0 then return false end
redis.call('SADD', UNWANTED, ARGV[1])
return whole(ARGV[1])
"""
)
# id.
ONE_JOB = Script(
    _PLACES
    + """
return redis.call('HEXISTS', RECORDS, ARGV[1]) == 1 and whole(ARGV[1])
"""
)
# id, worker, lease in ms. Answers the record; 0: another has it, -1: it has ended, or never was.
TAKE_JOB = Script(
    _MOVE
    + """
local id, now = ARGV[1], now_ms()
if not (redis.call('ZSCORE', QUEUED, id) or redis.call('ZSCORE', RUNNING, id)) then return -1 end
local held = holder(id, now)
if held and held ~= ARGV[2] then return 0 end
redis.call('HSET', HOLDERS, id, ARGV[2])
redis.call('ZADD', LEASES, now + ARGV[3], id)
return whole(id)
"""
)
# id, worker, lease in ms. 0: the worker has lost it, 1: it is wanted, 2: somebody cancelled it.
HOLD_JOB = Script(
    _MOVE
    + """
if redis.call('HGET', HOLDERS, ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('ZADD', LEASES, now_ms() + ARGV[3], ARGV[1])
return 1 + redis.call('SISMEMBER', UNWANTED, ARGV[1])
"""
)
# id. Whether a living worker has it.
HELD_JOB = Script(_MOVE + "return holder(ARGV[1], now_ms()) and 1 or 0")
# The queues are more keys; grace in ms, how many queues. Who died with a job has held
# it after it was offered.
LOST_JOBS = Script(
    _MOVE
    + """
local now, lost, waiting = now_ms(), {}, {}
for at = #KEYS - ARGV[2] + 1, #KEYS do
  for _, id in ipairs(redis.call('LRANGE', KEYS[at], 0, -1)) do waiting[id] = true end
end
for _, key in ipairs({RUNNING, QUEUED}) do
  for _, id in ipairs(redis.call('ZRANGE', key, 0, -1)) do
    local till, offered = till_ms(id), tonumber(redis.call('ZSCORE', OFFERED, id) or 0)
    if till <= now and (offered <= till or not waiting[id] and offered + ARGV[1] <= now) then
      redis.call('ZADD', OFFERED, now, id)
      lost[#lost + 1] = id
    end
  end
end
return lost
"""
)
# before (empty: from the end), limit, oldest first, places of the sorted sets to look into.
SOME_JOBS = Script(
    _PLACES
    + """
local found, before = {}, false
if ARGV[1] ~= '' then
  before = redis.call('ZSCORE', ORDER, ARGV[1])
  if not before then return -1 end
end
for at = 4, #ARGV do
  local key, ids = KEYS[tonumber(ARGV[at])], nil
  if ARGV[3] == '1' then
    local from = before and '(' .. before or '-inf'
    ids = redis.call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
  else
    local from = before and '(' .. before or '+inf'
    ids = redis.call('ZREVRANGEBYSCORE', key, from, '-inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
  end
  for n = 1, #ids, 2 do found[#found + 1] = {ids[n], tonumber(ids[n + 1])} end
end
table.sort(found, function(a, b)
  if ARGV[3] == '1' then return a[2] < b[2] end
  return a[2] > b[2]
end)
local told = {}
for at = 1, math.min(#found, tonumber(ARGV[2])) do
  told[at] = whole(found[at][1])
end
return told
"""
)
