"""Scripts that hide and change tracks, each whole or not at all.

Each may come twice: what was done under a request's name is told again, not done again.
"""

from __future__ import annotations

from earmark.stores.redis_client import Script
from earmark.stores.redis_scripts import DONE_MS, HOLDING, ROWS

# lease, request, track ids -> 'lost', 'missing' and which, or gone numbers, gone covers
HIDE = Script(
    ROWS
    + f"""
local DONE_MS = {DONE_MS}
"""
    + """
local done = call('GET', K .. 'done:' .. ARGV[2])
if done then
  local told = {{}, {}}
  done = cmsgpack.unpack(done)
  for at = 1, 2 do
    for one in string.gmatch(done[at], '%d+') do told[at][#told[at] + 1] = one end
  end
  return told
end
if not may_write(ARGV[1]) then return {'lost'} end
for at = 3, #ARGV do
  if call('HEXISTS', K .. 'ids', ARGV[at]) == 0 then return {'missing', at - 2} end
end
local touched, gone, covers = {}, {}, {}
for at = 3, #ARGV do
  local place, data = row_of(ARGV[at])
  if place then
    local row = lift_row(place, data)
    touched[row[2]] = true
    if row[14] ~= '' then
      covers[#covers + 1] = row[14]
      call('SADD', K .. 'gone_covers', row[14])
    end
    call('HDEL', K .. 'rows', place)
    call('HDEL', K .. 'ids', row[1])
    call('SETBIT', K .. 'live', place, 0)
    call('SETRANGE', K .. 'numbers', 4 * place, string.rep('\\0', 4))
    count('tracks', -1)
  end
end
for number in pairs(touched) do
  if let_go(number) then gone[#gone + 1] = number end
end
count('revision', 1)
call('SET', K .. 'done:' .. ARGV[2],
  cmsgpack.pack({table.concat(gone, ' '), table.concat(covers, ' ')}), 'PX', DONE_MS)
return {gone, covers}
"""
)

# lease or '', track id, field and value in turns -> 'alone', 'missing', or the row
# It is done at one moment and leaves nothing behind: it needs no lease, but that nobody is alone.
UPDATE = Script(
    ROWS
    + """
local other = call('HGET', K .. 'alone', 'lease')
if other and other ~= ARGV[1] then
  evict_dead(now(), '')
  if call('EXISTS', K .. 'alone') == 1 then return {'alone'} end
end
local place, data = row_of(ARGV[2])
if not place then return {'missing'} end
local row = lift_row(place, data)
for at = 3, #ARGV, 2 do row[tonumber(ARGV[at]) + 1] = ARGV[at + 1] end
count('revision', 1)
return {'', write_row(place, row)}
"""
)

# lease, request, engine, number and how many bytes more in turns
# -> 'lost', or numbers that are no more
ENGAGE = Script(
    HOLDING
    + f"""
local DONE_MS = {DONE_MS}
"""
    + """
local again = not call('SET', K .. 'done:' .. ARGV[2], '', 'NX', 'PX', DONE_MS)
if not may_write(ARGV[1]) then return {'lost'} end
local unknown = {}
for at = 4, #ARGV, 2 do
  local held = call('HGET', K .. 'audios', ARGV[at])
  if held then
    local audio = cmsgpack.unpack(held)
    if not again then
      audio[3] = whole(audio[3] + ARGV[at + 1])
      call('HSET', K .. 'audios', ARGV[at], cmsgpack.pack(audio))
      count('bytes', tonumber(ARGV[at + 1]))
    end
    call('SADD', K .. 'engines', ARGV[3])
    call('SETBIT', K .. 'has:' .. ARGV[3], ARGV[at], 1)
  else
    unknown[#unknown + 1] = ARGV[at]
  end
end
count('revision', 1)
return {'', unknown}
"""
)
