"""What the ledger in Redis asks in one go; all its keys lie in the catalogue's slot.

Each script may run twice: a connection that broke does not say whether the first one got through.
"""

from __future__ import annotations

from earmark.stores.redis_client import Script

# keys, order, seq; id, record.
ADD_KEY = Script(
    """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 1 then
  redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
end
return 1
"""
)
# keys, revoked; id, at. Answers the record and when it was revoked first.
REVOKE_KEY = Script(
    """
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then return false end
redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2])
return {record, redis.call('HGET', KEYS[2], ARGV[1])}
"""
)

# The lease on a name; holder, how long in ms.
HOLD = Script(
    """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
)
# The same; holder.
LET_GO = Script(
    """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""
)

# reply, replies; name, record, mark of this call, created at, ms to keep it as a net.
BEGIN_REPLY = Script(
    """
local kept = redis.call('HMGET', KEYS[1], 'record', 'mark')
if kept[1] then return kept[2] ~= ARGV[3] and kept[1] end
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'mark', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return false
"""
)
# The same; without a record it is forgotten.
FINISH_REPLY = Script(
    """
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 1
end
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'mark', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
return 1
"""
)
# replies, each reply; before, their names. What began anew meanwhile stays.
FORGET_REPLIES = Script(
    """
local gone = 0
for at = 2, #ARGV do
  local created = redis.call('ZSCORE', KEYS[1], ARGV[at])
  if created and tonumber(created) < tonumber(ARGV[1]) then
    redis.call('DEL', KEYS[at])
    gone = gone + redis.call('ZREM', KEYS[1], ARGV[at])
  end
end
redis.call('ZREM', KEYS[1], '')
return gone
"""
)

# verdicts, order, seq; id, record, how many are kept.
ADD_VERDICT = Script(
    """
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
local excess = redis.call('ZCARD', KEYS[2]) - ARGV[3]
if excess > 0 then
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, excess - 1)) do
    redis.call('HDEL', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
  end
end
return 1
"""
)
# verdicts, order; before (empty: from the end), limit.
SOME_VERDICTS = Script(
    """
local from, told = '+inf', {}
if ARGV[1] ~= '' then
  local before = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not before then return -1 end
  from = '(' .. before
end
for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[2], from, '-inf', 'LIMIT', 0, ARGV[2])) do
  told[#told + 1] = redis.call('HGET', KEYS[1], id)
end
return told
"""
)
