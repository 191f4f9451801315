"""What the Lua scripts of the track store share.

``K`` is the beginning of every key of the catalogue. The keys behind it are

====================  =====================================================================
``rows``              place in the order of addition -> row (`redis_track_rows.Field`)
``ids``               track id -> place
``sources contents``  digest -> places, unordered
``tags``              digest of a tag and a chunk of places -> bitmap of that chunk
``live``              bitmap of the places in use
``numbers``           the number of each place, 4 bytes each
``audios``            number -> digest of the audio id, seconds, bytes of features, places
``audio_ids``         digest of the audio id -> number
``has:ENGINE``        bitmap of the numbers that have features of that engine
``engines``           the set of those engines
``meta``              counters: next number, place and cover, revision, tracks, audios, ...;
                      and ``run``, which run of Redis has given the last number
``pins``              number -> how many stages count on it
``gone``              numbers that no track refers to any more, not forgotten yet
``gone_covers``       covers of the same kind
``stages``            stage -> holder, lease, its own numbers, pinned numbers, covers
``done:REQUEST``      for a while, what a request was answered that may come twice
``holders``           holder -> when it is taken for dead, in Redis' milliseconds
``writers``           lease -> holder of those that write
``alone``             the lease and the holder that keep all others out
``waiters``           lease -> until when it is taken for waiting to be alone
``claims``            digest of a source -> holder
``claims:HOLDER``     the set of its claims
====================  =====================================================================

A place is a string of digits in the scripts. What may grow with the library is never walked.
"""

from __future__ import annotations

CHUNK = 1024
"""Places in one bitmap of ``tags``."""
DONE_MS = 120_000
"""How long a request may come again and be told the same: far longer than a client tries."""
LEAP = 100_000
"""Numbers that are left out after a restart: what was given last may have been lost, but for the
indexes. Far more than one second's."""

HOLDING = """
local K = KEYS[1]
local call = redis.call
local function now()
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function whole(x) return string.format('%.0f', x) end
local function digest(text, size)
  local hex = string.sub(redis.sha1hex(text), 1, 2 * size)
  return (string.gsub(hex, '..', function(two) return string.char(tonumber(two, 16)) end))
end
local function count(name, by)
  if by ~= 0 then call('HINCRBY', K .. 'meta', name, whole(by)) end
end
local function micros(seconds) return math.floor(seconds * 1e6 + 0.5) end
-- Lets an audio go that no track and no stage refers to; tells whether it did.
local function let_go(number)
  local held = call('HGET', K .. 'audios', number)
  if not held or call('HEXISTS', K .. 'pins', number) == 1 then return false end
  local audio = cmsgpack.unpack(held)
  if audio[4] ~= '' then return false end
  call('HDEL', K .. 'audios', number)
  call('HDEL', K .. 'audio_ids', audio[1])
  for _, engine in ipairs(call('SMEMBERS', K .. 'engines')) do
    call('SETBIT', K .. 'has:' .. engine, number, 0)
  end
  call('SADD', K .. 'gone', number)
  count('audios', -1)
  count('audio_us', -micros(audio[2]))
  count('bytes', -audio[3])
  return true
end
local function unpin(number)
  if call('HINCRBY', K .. 'pins', number, -1) <= 0 then call('HDEL', K .. 'pins', number) end
end
local function abandon(stage, held)
  for number in string.gmatch(held[3], '%d+') do call('SADD', K .. 'gone', number) end
  for number in string.gmatch(held[4], '%d+') do
    unpin(number)
    let_go(number)
  end
  for cover in string.gmatch(held[5], '%d+') do call('SADD', K .. 'gone_covers', cover) end
  call('HDEL', K .. 'stages', stage)
end
-- Abandons the stages whose holder (1) or lease (2) is this.
local function abandon_all(where, name)
  local stages = call('HGETALL', K .. 'stages')
  for at = 1, #stages, 2 do
    local held = cmsgpack.unpack(stages[at + 1])
    if held[where] == name then abandon(stages[at], held) end
  end
end
local function evict(holder)
  call('ZREM', K .. 'holders', holder)
  local writers = call('HGETALL', K .. 'writers')
  for at = 1, #writers, 2 do
    if writers[at + 1] == holder then call('HDEL', K .. 'writers', writers[at]) end
  end
  if call('HGET', K .. 'alone', 'holder') == holder then call('DEL', K .. 'alone') end
  for _, source in ipairs(call('SMEMBERS', K .. 'claims:' .. holder)) do
    if call('HGET', K .. 'claims', source) == holder then call('HDEL', K .. 'claims', source) end
  end
  call('DEL', K .. 'claims:' .. holder)
  abandon_all(1, holder)
end
local function may_write(lease)
  return call('HEXISTS', K .. 'writers', lease) == 1 or call('HGET', K .. 'alone', 'lease') == lease
end
local function evict_dead(moment, own)
  for _, holder in ipairs(call('ZRANGEBYSCORE', K .. 'holders', '-inf', whole(moment))) do
    if holder ~= own then evict(holder) end
  end
end
local function alive(holder, moment)
  local until_ = call('ZSCORE', K .. 'holders', holder)
  return until_ and tonumber(until_) > moment
end
"""

ROWS = (
    HOLDING
    + f"""
local CHUNK = {CHUNK}
"""
    + """
local function linked(held, place)
  if not held or held == '' then return place end
  return held .. ' ' .. place
end
local function unlinked(held, place)
  held = ' ' .. (held or '') .. ' '
  local first, last = string.find(held, ' ' .. place .. ' ', 1, true)
  if first then held = string.sub(held, 1, first) .. string.sub(held, last + 1) end
  return string.sub(held, 2, -2)
end
local function link(name, field, place)
  call('HSET', K .. name, field, linked(call('HGET', K .. name, field), place))
end
local function unlink(name, field, place)
  local left = unlinked(call('HGET', K .. name, field), place)
  if left == '' then call('HDEL', K .. name, field) else call('HSET', K .. name, field, left) end
end
local function mark(tag, place, on)
  local field = digest(tag, 8) .. math.floor(place / CHUNK)
  local bits = call('HGET', K .. 'tags', field) or ''
  local at = math.floor(place % CHUNK / 8) + 1
  bits = bits .. string.rep('\\0', at - #bits)
  local one, byte = bit.lshift(1, 7 - place % 8), string.byte(bits, at)
  byte = on and bit.bor(byte, one) or bit.band(byte, 255 - one)
  bits = string.sub(bits, 1, at - 1) .. string.char(byte) .. string.sub(bits, at + 1)
  if string.find(bits, '[^%z]') then
    call('HSET', K .. 'tags', field, bits)
  else
    call('HDEL', K .. 'tags', field)
  end
end
local function mark_all(tags, place, on)
  if tags == '' then return end
  for _, tag in ipairs(cmsgpack.unpack(tags)) do mark(tag, place, on) end
end
local function refer(number, place, to)
  local held = call('HGET', K .. 'audios', number)
  if not held then return end
  local audio = cmsgpack.unpack(held)
  audio[4] = to(audio[4], place)
  call('HSET', K .. 'audios', number, cmsgpack.pack(audio))
end
local function row_of(id)
  local place = call('HGET', K .. 'ids', id)
  if not place then return nil end
  return place, call('HGET', K .. 'rows', place)
end
local function write_row(place, row)
  local data = cmsgpack.pack(row)
  call('HSET', K .. 'rows', place, data)
  count('bytes', #data)
  link('sources', digest(row[3], 14), place)
  link('contents', digest(row[4], 14), place)
  mark_all(row[10], place, true)
  refer(row[2], place, linked)
  call('SETRANGE', K .. 'numbers', 4 * place, struct.pack('>I4', row[2]))
  return data
end
-- Takes a row out of every lookup but ids; the place stays its own.
local function lift_row(place, data)
  local row = cmsgpack.unpack(data)
  count('bytes', -#data)
  unlink('sources', digest(row[3], 14), place)
  unlink('contents', digest(row[4], 14), place)
  mark_all(row[10], place, false)
  refer(row[2], place, unlinked)
  return row
end
"""
)
