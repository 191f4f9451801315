"""Scripts about who may write: holders, leases and claims.

A holder is one opened store. It is taken for dead where it has not renewed itself for a while, and
then whoever needs what it has evicts it: its leases, its claims and its stages end at one moment.
One that slept, and that nobody has missed, goes on.
"""

from __future__ import annotations

from earmark.stores.redis_client import Script
from earmark.stores.redis_scripts import HOLDING

# holder, lease, milliseconds -> 1: may write
WRITE = Script(
    HOLDING
    + """
local holder, lease, moment = ARGV[1], ARGV[2], now()
evict_dead(moment, holder)
local other = call('HGET', K .. 'alone', 'lease')
if other and other ~= lease then return 0 end
local waiters = call('HGETALL', K .. 'waiters')
for at = 1, #waiters, 2 do
  if tonumber(waiters[at + 1]) < moment then
    call('HDEL', K .. 'waiters', waiters[at])
  elseif waiters[at] ~= lease then
    return 0
  end
end
call('ZADD', K .. 'holders', whole(moment + ARGV[3]), holder)
call('HSET', K .. 'writers', lease, holder)
return 1
"""
)
# holder, lease, milliseconds, milliseconds for which it counts as waiting -> 1: is alone
ALONE = Script(
    HOLDING
    + """
local holder, lease, moment = ARGV[1], ARGV[2], now()
evict_dead(moment, holder)
call('ZADD', K .. 'holders', whole(moment + ARGV[3]), holder)
local other = call('HGET', K .. 'alone', 'lease')
local blocked = other and other ~= lease
for _, writer in ipairs(call('HKEYS', K .. 'writers')) do
  if writer ~= lease then blocked = true end
end
if blocked then
  call('HSET', K .. 'waiters', lease, whole(moment + ARGV[4]))
  return 0
end
call('HDEL', K .. 'waiters', lease)
call('HSET', K .. 'alone', 'lease', lease, 'holder', holder)
return 1
"""
)
# lease; what it has staged and not published is left over
RELEASE = Script(
    HOLDING
    + """
call('HDEL', K .. 'waiters', ARGV[1])
call('HDEL', K .. 'writers', ARGV[1])
if call('HGET', K .. 'alone', 'lease') == ARGV[1] then call('DEL', K .. 'alone') end
abandon_all(2, ARGV[1])
"""
)
# lease; it goes on writing, with others
SHARE = Script(
    HOLDING
    + """
call('HDEL', K .. 'waiters', ARGV[1])
if call('HGET', K .. 'alone', 'lease') == ARGV[1] then call('DEL', K .. 'alone') end
"""
)
# holder, milliseconds -> 0: it was evicted
RENEW = Script(
    HOLDING
    + """
if not call('ZSCORE', K .. 'holders', ARGV[1]) then return 0 end
call('ZADD', K .. 'holders', whole(now() + ARGV[2]), ARGV[1])
return 1
"""
)
# holder, milliseconds, sources -> 1 or 0 for each
CLAIM = Script(
    HOLDING
    + """
local holder, moment, got = ARGV[1], now(), {}
call('ZADD', K .. 'holders', whole(moment + ARGV[2]), holder)
for at = 3, #ARGV do
  local source = ARGV[at]
  local other = call('HGET', K .. 'claims', source)
  if other and other ~= holder and alive(other, moment) then
    got[#got + 1] = 0
  else
    if other and other ~= holder then evict(other) end
    call('HSET', K .. 'claims', source, holder)
    call('SADD', K .. 'claims:' .. holder, source)
    got[#got + 1] = 1
  end
end
return got
"""
)
# holder, sources
UNCLAIM = Script(
    HOLDING
    + """
for at = 2, #ARGV do
  if call('HGET', K .. 'claims', ARGV[at]) == ARGV[1] then call('HDEL', K .. 'claims', ARGV[at]) end
  call('SREM', K .. 'claims:' .. ARGV[1], ARGV[at])
end
"""
)
# holder
LEAVE = Script(HOLDING + "evict(ARGV[1])")
# holder
EVICT_DEAD = Script(HOLDING + "evict_dead(now(), ARGV[1])")
