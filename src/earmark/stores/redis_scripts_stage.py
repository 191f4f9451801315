"""Scripts that write tracks where nobody sees them, and that make them visible all at once.

Each may come twice: what was done under a request's name is told again, not done again.
"""

from __future__ import annotations

from earmark.stores.redis_client import Script
from earmark.stores.redis_scripts import DONE_MS, HOLDING, LEAP, ROWS

# holder, lease, stage, most, covers, engines (packed), digests of audio ids
# -> 'lost' or 'full', or for each audio: number, whether it is the stage's own, engines it lacks
STAGE = Script(
    HOLDING
    + f"""
local LEAP = {LEAP}
"""
    + """
local holder, lease, stage, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if not may_write(lease) then return 'lost' end
-- Another run of Redis, or another node, may not know of the numbers that were given last.
local run = string.match(call('INFO', 'server'), 'run_id:(%w+)') or ''
local before = call('HGET', K .. 'meta', 'run')
if before ~= run then
  if before then call('HINCRBY', K .. 'meta', 'next_number', LEAP) end
  call('HSET', K .. 'meta', 'run', run)
end
local engines = cmsgpack.unpack(ARGV[6])
for _, engine in ipairs(engines) do call('SADD', K .. 'engines', engine) end
local held = call('HGET', K .. 'stages', stage)
held = held and cmsgpack.unpack(held)
local again, own, pinned, told, left = {}, {}, {}, {}, {}
if held then
  for number in string.gmatch(held[3], '%d+') do left[#left + 1] = number end
  for number in string.gmatch(held[4], '%d+') do again[number] = true end
end
for at = 7, #ARGV do
  local number = call('HGET', K .. 'audio_ids', ARGV[at])
  local lacks = {}
  if number and (not held or again[number]) then
    for which, engine in ipairs(engines) do
      if call('GETBIT', K .. 'has:' .. engine, number) == 0 then lacks[#lacks + 1] = which end
    end
    pinned[#pinned + 1] = number
    told[#told + 1] = {number, 0, lacks}
  else
    if held then
      number = table.remove(left, 1)
    else
      number = whole(call('HINCRBY', K .. 'meta', 'next_number', 1))
      if tonumber(number) >= most then return 'full' end
    end
    own[#own + 1] = number
    told[#told + 1] = {number, 1, lacks}
  end
end
local covers = {}
if held then
  for cover in string.gmatch(held[5], '%d+') do covers[#covers + 1] = cover end
else
  for _ = 1, tonumber(ARGV[5]) do
    covers[#covers + 1] = whole(call('HINCRBY', K .. 'meta', 'next_cover', 1))
  end
  for _, number in ipairs(pinned) do call('HINCRBY', K .. 'pins', number, 1) end
  local record = {holder, lease, table.concat(own, ' '), table.concat(pinned, ' '),
    table.concat(covers, ' ')}
  call('HSET', K .. 'stages', stage, cmsgpack.pack(record))
end
return {told, covers}
"""
)

# holder, stage, tracks: each packed as its row, the audio's digest, the digest that ids are made
# of, '1' where its source is claimed, engines whose features were written (packed), their bytes
# -> 'lost', or 'claimed' and which, or rows, gone numbers, gone covers, [which, engine] missing
PUBLISH = Script(
    ROWS
    + f"""
local DONE_MS = {DONE_MS}
"""
    + """
local holder, stage, moment = ARGV[1], ARGV[2], now()
local function rows_at(places)
  local rows = {}
  for place in string.gmatch(places, '%d+') do
    rows[#rows + 1] = call('HGET', K .. 'rows', place) or ''
  end
  return rows
end
local function listed(text)
  local found = {}
  for number in string.gmatch(text, '%d+') do found[#found + 1] = number end
  return found
end
local done = call('GET', K .. 'done:' .. stage)
if done then
  done = cmsgpack.unpack(done)
  if done[1] == 'claimed' then return done end
  return {rows_at(done[1]), listed(done[2]), listed(done[3]), done[4]}
end
local held, tracks, trouble = call('HGET', K .. 'stages', stage), {}, nil
if held then held = cmsgpack.unpack(held) else trouble = {'lost'} end
for at = 3, #ARGV do
  local new = cmsgpack.unpack(ARGV[at])
  tracks[#tracks + 1] = new
  local claimer = call('HGET', K .. 'claims', digest(new[3], 14))
  if claimer and claimer ~= holder and alive(claimer, moment) then
    trouble = trouble or {'claimed', at - 2}
  elseif new[17] == '1' and claimer ~= holder then
    trouble = trouble or {'lost'}
  end
end
if trouble then
  if held then abandon(stage, held) end
  -- Somebody may have forgotten the numbers already, before this writer was done with them.
  for _, new in ipairs(tracks) do
    if call('HEXISTS', K .. 'audios', new[2]) == 0 then call('SADD', K .. 'gone', new[2]) end
  end
  if trouble[1] == 'claimed' then
    call('SET', K .. 'done:' .. stage, cmsgpack.pack(trouble), 'PX', DONE_MS)
  end
  return trouble
end
-- From here on everything is done.
local covers, next_cover = listed(held[5]), 1
local own, used, touched, gone_covers, missing = {}, {}, {}, {}, {}
for number in string.gmatch(held[3], '%d+') do own[number] = true end
local function id_of(new)
  if new[1] ~= '' then return new[1] end
  for size = 12, #new[16] do
    local id = string.sub(new[16], 1, size)
    local place, data = row_of(id)
    if not place then return id end
    local row = cmsgpack.unpack(data)
    if row[3] == new[3] and row[4] == new[4] then return id end
  end
end
local places = {}
for at, new in ipairs(tracks) do
  local staged = new[2]
  local number = call('HGET', K .. 'audio_ids', new[15])
  if not number then
    number = staged
    call('HSET', K .. 'audio_ids', new[15], number)
    call('HSET', K .. 'audios', number, cmsgpack.pack({new[15], new[13], '0', ''}))
    count('audios', 1)
    count('audio_us', micros(new[13]))
  end
  local audio = cmsgpack.unpack(call('HGET', K .. 'audios', number))
  if number == staged then
    used[number] = true
    if new[19] ~= '0' then
      audio[3] = whole(audio[3] + new[19])
      call('HSET', K .. 'audios', number, cmsgpack.pack(audio))
      count('bytes', tonumber(new[19]))
    end
  end
  for _, engine in ipairs(cmsgpack.unpack(new[18])) do
    if number == staged then
      call('SETBIT', K .. 'has:' .. engine, number, 1)
    elseif call('GETBIT', K .. 'has:' .. engine, number) == 0 then
      missing[#missing + 1] = {at, engine}
    end
  end
  local row = {}
  for field = 1, 14 do row[field] = new[field] end
  row[1], row[2], row[13] = id_of(new), number, audio[2]
  if row[14] ~= '' then row[14], next_cover = covers[next_cover], next_cover + 1 end
  local place, data = row_of(row[1])
  if place then
    local old = lift_row(place, data)
    if row[12] == '' then row[12] = old[12] end
    touched[old[2]] = true
    if old[14] ~= '' then gone_covers[#gone_covers + 1] = old[14] end
  else
    place = whole(call('HINCRBY', K .. 'meta', 'next_place', 1))
    if row[12] == '' then row[12] = whole(math.floor(moment / 1000)) end
    call('HSET', K .. 'ids', row[1], place)
    call('SETBIT', K .. 'live', place, 1)
    count('tracks', 1)
  end
  write_row(place, row)
  places[#places + 1] = place
end
for number in string.gmatch(held[4], '%d+') do
  unpin(number)
  touched[number] = true
end
local gone = {}
for number in pairs(own) do
  if not used[number] then
    call('SADD', K .. 'gone', number)
    gone[#gone + 1] = number
  end
end
for number in pairs(touched) do
  if let_go(number) then gone[#gone + 1] = number end
end
for _, cover in ipairs(gone_covers) do call('SADD', K .. 'gone_covers', cover) end
call('HDEL', K .. 'stages', stage)
count('revision', 1)
places = table.concat(places, ' ')
call('SET', K .. 'done:' .. stage,
  cmsgpack.pack({places, table.concat(gone, ' '), table.concat(gone_covers, ' '), missing}),
  'PX', DONE_MS)
return {rows_at(places), gone, gone_covers, missing}
"""
)
