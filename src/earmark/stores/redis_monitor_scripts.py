"""What monitoring in Redis asks in one go; all its keys lie in the catalogue's slot.

``K`` is the beginning of every key, ``em:{NS}:monitor``. The keys behind it are

=============================  ============================================================
``:seq``                       counts records as they arrive
``:KIND:one:ID``               a record: JSON, and what changes or is large apart from it
``:KIND:order``                ids of a kind by their arrival
``:KIND:of:GROUP``             those of one group by their arrival: a stream's outages ...
``:deliveries:due``            pending ones by the time when they are due, then by arrival
``:deliveries:old``            delivered ones by the time when they were created
``:deliveries:claimed:MARK``   for a while, what a request has claimed that may come twice
``:entries:in:SET``            entries by time, then id: all, open ones, those of a station,
                               an origin, a track, a ruling
``:done:MARK``                 for a while, what a request was answered that may come twice
=============================  ============================================================

Each script may run twice: a connection that broke does not say whether the first one got through.
"""

from __future__ import annotations

from earmark.stores.redis_client import Script

DONE_MS = 120_000
"""How long a request may come again and be told the same: far longer than a client tries."""

START = f"""
local K, call = KEYS[1], redis.call
local function told(mark) return tonumber(call('GET', K .. ':done:' .. mark) or nil) end
local function tell(mark, answer)
  call('SET', K .. ':done:' .. mark, answer, 'PX', {DONE_MS})
  return answer
end
"""
_RECORDS = (
    START
    + """
local kind = ARGV[1]
local function at(...) return table.concat({K, kind, ...}, ':') end
-- Equal scores are in the order of members: 16 digits of the place, then the id.
local function due(id)
  return string.format('%016.0f', call('ZSCORE', at('order'), id) or 0) .. id
end
local function take_out(id)
  local one = at('one', id)
  for group in string.gmatch(call('HGET', one, 'groups') or '', '%S+') do
    call('ZREM', at('of', group), id)
  end
  call('ZREM', at('order'), id)
  return call('DEL', one)
end
local function put(id, groups, first, last)
  local one, seq = at('one', id), call('ZSCORE', at('order'), id)
  if not seq then
    seq = call('INCR', K .. ':seq')
    call('ZADD', at('order'), seq, id)
  end
  local old = call('HGET', one, 'groups')
  if old ~= groups then
    for group in string.gmatch(old or '', '%S+') do call('ZREM', at('of', group), id) end
    for group in string.gmatch(groups, '%S+') do call('ZADD', at('of', group), seq, id) end
  end
  call('HSET', one, 'groups', groups, unpack(ARGV, first, last or #ARGV))
  return seq
end
local function queue(id, state, due_at, created_at)
  call('ZREM', at('due'), due(id))
  call('ZREM', at('old'), id)
  if state == 'pending' then call('ZADD', at('due'), due_at, due(id)) end
  if state == 'delivered' then call('ZADD', at('old'), created_at, id) end
end
"""
)

# kind, id, groups, then fields and their texts.
PUT = Script(_RECORDS + "put(ARGV[2], ARGV[3], 4) return 1")
# kind, id, field, text. Overwrites one field of what is there.
TELL = Script(
    _RECORDS
    + """
local one = at('one', ARGV[2])
if call('EXISTS', one) == 1 then call('HSET', one, ARGV[3], ARGV[4]) end
return 1
"""
)
# kind, group (empty: all), newest first, beyond which place (empty: from the start), how many,
# then fields. Answers place and fields of each.
SOME = Script(
    _RECORDS
    + """
local set, found, ids = ARGV[2] == '' and at('order') or at('of', ARGV[2]), {}
local from = ARGV[4] ~= '' and '(' .. ARGV[4]
if ARGV[3] == '1' then
  ids = call('ZREVRANGEBYSCORE', set, from or '+inf', '-inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5])
else
  ids = call('ZRANGEBYSCORE', set, from or '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5])
end
for at_id = 1, #ids, 2 do
  local fields = call('HMGET', at('one', ids[at_id]), unpack(ARGV, 6))
  found[#found + 1] = {ids[at_id + 1], unpack(fields)}
end
return found
"""
)
# kind, id, mark. Answers whether it was there.
DROP = Script(
    _RECORDS
    + """
return told(ARGV[3]) or tell(ARGV[3], take_out(ARGV[2]))
"""
)
# kind, group, how many. Answers how many are left.
DROP_GROUP = Script(
    _RECORDS
    + """
local set = at('of', ARGV[2])
for _, id in ipairs(call('ZRANGE', set, 0, ARGV[3] - 1)) do
  call('ZREM', at('due'), due(id))
  call('ZREM', at('old'), id)
  take_out(id)
  call('ZREM', set, id)
end
return call('ZCARD', set)
"""
)

# kind, id, groups, state, due, created at, then fields and their texts.
PUT_DELIVERY = Script(
    _RECORDS
    + """
put(ARGV[2], ARGV[3], 7)
queue(ARGV[2], ARGV[4], ARGV[5], ARGV[6])
return 1
"""
)
# kind, id, groups, how many words fields and texts are, these; then the kind of what is told and
# nine words for each: id, groups, state, due, created at, two fields and their texts. What is
# there already stays.
PUT_TOLD = Script(
    _RECORDS
    + """
local last = 4 + ARGV[4]
put(ARGV[2], ARGV[3], 5, last)
kind = ARGV[last + 1]
for first = last + 2, #ARGV, 9 do
  local id = ARGV[first]
  if call('EXISTS', at('one', id)) == 0 then
    put(id, ARGV[first + 1], first + 5, first + 8)
    queue(id, ARGV[first + 2], ARGV[first + 3], ARGV[first + 4])
  end
end
return 1
"""
)
# kind, now, until, how many, mark, field and text that say until when.
CLAIM = Script(
    _RECORDS
    + f"""
local claimed, found = at('claimed', ARGV[5]), {{}}
local ids = call('LRANGE', claimed, 0, -1)
if #ids == 0 then
  local members = call('ZRANGEBYSCORE', at('due'), '-inf', ARGV[2], 'LIMIT', 0, ARGV[4])
  for place, member in ipairs(members) do
    local id = string.sub(member, 17)
    ids[place] = id
    call('ZADD', at('due'), ARGV[3], member)
    call('HSET', at('one', id), ARGV[6], ARGV[7])
    call('RPUSH', claimed, id)
  end
  if #ids > 0 then call('PEXPIRE', claimed, {DONE_MS}) end
end
for _, id in ipairs(ids) do
  found[#found + 1] = call('HMGET', at('one', id), 'record', ARGV[6])
end
return found
"""
)
# kind, before, how many, mark. Answers how many it has forgotten.
FORGET_OLD = Script(
    _RECORDS
    + """
local known = told(ARGV[4])
if known then return known end
local ids = call('ZRANGEBYSCORE', at('old'), '-inf', '(' .. ARGV[2], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do
  call('ZREM', at('old'), id)
  take_out(id)
end
return tell(ARGV[4], #ids)
"""
)
