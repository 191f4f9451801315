"""The Lua scripts of postings in Redis; doing any of them twice changes nothing."""

from __future__ import annotations

from earmark.stores.redis_client import Script

# tombs, buried, state; numbers: takes them off the tombs. Returns the count of burials so far and
# the numbers that are being cleared away now.
REVIVE = Script(
    """
local busy = {tonumber(redis.call('HGET', KEYS[3], 'burials') or '0')}
for _, number in ipairs(ARGV) do
  if redis.call('SISMEMBER', KEYS[2], number) == 1 then
    busy[#busy + 1] = tonumber(number)
  else
    redis.call('SREM', KEYS[1], number)
  end
end
return busy
"""
)

# shard, posted; most bytes of a value, burials, how many numbers, numbers, then field and chunk by
# turns: appends everything, unless a number is there already: then nothing, and those are
# returned. -1 where more burials have begun in this shard than the caller knows of.
APPEND = Script(
    """
if tonumber(redis.call('HGET', KEYS[1], 'burials') or '0') > tonumber(ARGV[2]) then return {-1} end
local cap, numbers = tonumber(ARGV[1]), tonumber(ARGV[3])
local held = {}
for at = 4, numbers + 3 do
  if redis.call('GETBIT', KEYS[2], ARGV[at]) == 1 then held[#held + 1] = tonumber(ARGV[at]) end
end
if #held > 0 then return held end
local function varint(text, at)
  local value, scale, byte = 0, 1, 128
  while byte >= 128 do
    byte = string.byte(text, at)
    value, scale, at = value + (byte % 128) * scale, scale * 128, at + 1
  end
  return value, at
end
local grown, capped = 0, 0
for from = numbers + 4, #ARGV, 1000 do
  local fields = {}
  for at = from, math.min(from + 999, #ARGV), 2 do fields[#fields + 1] = ARGV[at] end
  local old, new = redis.call('HMGET', KEYS[1], unpack(fields)), {}
  for at = 1, #fields do
    local chunk, value = ARGV[from + 2 * at - 1], old[at] or ''
    if #value + #chunk > cap then
      local _, body = varint(chunk, 1)
      capped = capped + varint(chunk, body)
    else
      new[#new + 1] = fields[at]
      new[#new + 1] = value .. chunk
      grown = grown + #chunk
    end
  end
  if #new > 0 then redis.call('HSET', KEYS[1], unpack(new)) end
end
for at = 4, numbers + 3 do redis.call('SETBIT', KEYS[2], ARGV[at], 1) end
if grown > 0 then redis.call('HINCRBY', KEYS[1], 'bytes0', grown) end
if capped > 0 then redis.call('HINCRBY', KEYS[1], 'capped', capped) end
return {}
"""
)

# payloads; number and value by turns: writes what is not there yet.
PAY = Script(
    """
for at = 1, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[1], ARGV[at], ARGV[at + 1]) == 1 then
    redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[at + 1])
  end
end
return 1
"""
)

# payloads; how many bytes, numbers: the first bytes of each, false where there is none.
HEADS = Script(
    """
local found = {}
for at = 2, #ARGV do
  local value = redis.call('HGET', KEYS[1], ARGV[at])
  found[at - 1] = value and string.sub(value, 1, tonumber(ARGV[1]))
end
return found
"""
)

# payloads; numbers: deletes them.
UNPAY = Script(
    """
for _, number in ipairs(ARGV) do
  local gone = redis.call('HSTRLEN', KEYS[1], number)
  if redis.call('HDEL', KEYS[1], number) == 1 then
    if gone > 0 then redis.call('HINCRBY', KEYS[1], 'bytes', -gone) end
  end
end
return 1
"""
)

# shard; fields: the bytes of each value, and of each level in all.
LENGTHS = Script(
    """
local found = {}
for at, field in ipairs(ARGV) do found[at] = redis.call('HSTRLEN', KEYS[1], field) end
for level = 0, 4 do
  found[#found + 1] = tonumber(redis.call('HGET', KEYS[1], 'bytes' .. level) or '0')
end
return found
"""
)

# lock; token, how long: takes or keeps the lock. 1 where it is held.
LOCK = Script(
    """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
)

UNLOCK = Script(
    """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""
)

# shard, lock; token, how long, merge, capped, bytes1 to bytes4 (changes), how many fields
# of level 0, those as field and how much of it was read by turns, how many fields to delete,
# those, then field and value by turns. What was appended to level 0 since it was read stays.
# -1 where the lock is lost.
MERGE = Script(
    """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
if redis.call('HGET', KEYS[1], 'merged') == ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'merged', ARGV[3])
if ARGV[4] ~= '0' then redis.call('HINCRBY', KEYS[1], 'capped', ARGV[4]) end
for level = 1, 4 do
  if ARGV[4 + level] ~= '0' then
    redis.call('HINCRBY', KEYS[1], 'bytes' .. level, ARGV[4 + level])
  end
end
local at, cut = 10, 0
for _ = 1, tonumber(ARGV[9]) do
  local field, read = ARGV[at], tonumber(ARGV[at + 1])
  local rest = string.sub(redis.call('HGET', KEYS[1], field) or '', read + 1)
  if rest == '' then redis.call('HDEL', KEYS[1], field)
  else redis.call('HSET', KEYS[1], field, rest) end
  at, cut = at + 2, cut + read
end
if cut > 0 then redis.call('HINCRBY', KEYS[1], 'bytes0', -cut) end  -- -0 is no integer
local gone = tonumber(ARGV[at])
for from = at + 1, at + gone, 1000 do
  redis.call('HDEL', KEYS[1], unpack(ARGV, from, math.min(from + 999, at + gone)))
end
for from = at + gone + 1, #ARGV, 1000 do
  redis.call('HSET', KEYS[1], unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
return 1
"""
)

# shard, lock; token, burials: keeps out whoever began to add before. -1 where the lock is lost.
OPEN = Script(
    """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
redis.call('HSET', KEYS[1], 'burials', ARGV[2])
return 1
"""
)

# posted, lock; token, numbers: forgets that they were posted, after a shard was cleared of them.
UNPOST = Script(
    """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return -1 end
for at = 2, #ARGV do redis.call('SETBIT', KEYS[1], ARGV[at], 0) end
return 1
"""
)

# roster, tombs, buried, state: begins to clear away what is hidden, where nothing is being cleared.
BURY = Script(
    """
if redis.call('SCARD', KEYS[3]) > 0 then return 0 end
for _, number in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if redis.call('GETBIT', KEYS[1], number) == 0 then redis.call('SADD', KEYS[3], number) end
end
redis.call('DEL', KEYS[2])
return redis.call('HINCRBY', KEYS[4], 'burials', 1)
"""
)

ALL = (REVIVE, APPEND, PAY, HEADS, UNPAY, LENGTHS, LOCK, UNLOCK, MERGE, OPEN, UNPOST, BURY)
