"""What the log of detections in Redis asks in one go; the keys are in `redis_monitor_scripts`.

A member of a set is the entry's time as 16 digits that sort as it does, then the entry's id. All
have one score, so that a set is in the order of its members.
"""

from __future__ import annotations

from earmark.stores.redis_client import Script
from earmark.stores.redis_monitor_scripts import START

_LOG = (
    START
    + """
local function one(id) return K .. ':entries:one:' .. id end
local function each(sets, ruling, act)
  for set in string.gmatch(sets .. ' all ruling:' .. ruling, '%S+') do
    act(K .. ':entries:in:' .. set)
  end
end
local function leave(member, sets, ruling)
  each(sets, ruling, function(key) call('ZREM', key, member) end)
end
local function enter(member, sets, ruling)
  each(sets, ruling, function(key) call('ZADD', key, 0, member) end)
end
"""
)
# id, member, sets, record, brief, trail, ruling. What was decided stays.
PUT_ENTRY = Script(
    _LOG
    + """
local key, member, sets, trail, ruling = one(ARGV[1]), ARGV[2], ARGV[3], ARGV[6], ARGV[7]
local old = call('HMGET', key, 'member', 'sets', 'trail', 'ruling')
if old[3] and old[3] ~= '' then trail, ruling = old[3], old[4] end
if old[1] and not (old[1] == member and old[2] == sets and old[4] == ruling) then
  leave(old[1], old[2], old[4])
end
call('HSET', key, 'member', member, 'sets', sets, 'record', ARGV[4], 'brief', ARGV[5],
  'trail', trail, 'ruling', ruling)
enter(member, sets, ruling)
return 1
"""
)
# id, mark, line, ruling. Answers the record and the trail.
DECIDE = Script(
    _LOG
    + """
local key = one(ARGV[1])
local old = call('HMGET', key, 'member', 'sets', 'trail', 'ruling', 'record')
if not old[1] then return false end
local trail = old[3]
if not string.find(trail, ARGV[2], 1, true) then
  trail = trail .. ARGV[2] .. ' ' .. ARGV[3]
  call('HSET', key, 'trail', trail, 'ruling', ARGV[4])
  if old[4] ~= ARGV[4] then
    leave(old[1], old[2], old[4])
    enter(old[1], old[2], ARGV[4])
  end
end
return {old[5], trail}
"""
)
# id, mark. Answers whether it was there.
DROP_ENTRY = Script(
    _LOG
    + """
local known, key = told(ARGV[2]), one(ARGV[1])
if known then return known end
local old = call('HMGET', key, 'member', 'sets', 'ruling')
if old[1] then leave(old[1], old[2], old[3]) end
return tell(ARGV[2], call('DEL', key))
"""
)
# id, mark, whether confirmed ones go too. Answers whether it was there, closed, and is gone.
FORGET_ENTRY = Script(
    _LOG
    + """
local known, key = told(ARGV[2]), one(ARGV[1])
if known then return known end
local old = call('HMGET', key, 'member', 'sets', 'ruling')
if not old[1] or string.find(' ' .. old[2] .. ' ', ' open ', 1, true)
    or (old[3] == 'confirm' and ARGV[3] ~= '1') then
  return tell(ARGV[2], 0)
end
leave(old[1], old[2], old[3])
return tell(ARGV[2], call('DEL', key))
"""
)
# id, the record as it was, the record as it is to be. Answers whether it is so.
SWAP_RECORD = Script(
    _LOG
    + """
local key = one(ARGV[1])
local record = call('HGET', key, 'record')
if record == ARGV[2] then call('HSET', key, 'record', ARGV[3]) end
return (record == ARGV[2] or record == ARGV[3]) and 1 or 0
"""
)
# set, from, to, how many. Answers member, brief and ruling of each, latest first.
PAGE = Script(
    _LOG
    + """
local members, found = call('ZREVRANGEBYLEX', K .. ':entries:in:' .. ARGV[1], ARGV[2], ARGV[3],
  'LIMIT', 0, ARGV[4]), {}
for _, member in ipairs(members) do
  local fields = call('HMGET', one(string.sub(member, 17)), 'brief', 'ruling')
  found[#found + 1] = {member, fields[1], fields[2]}
end
return found
"""
)
