// What the sample API knows: coins, exchanges, and the markets where a coin is traded. Prices move with the clock alone,
// so two jobs that ask at the same moment must end with the same rows.

export type Coin = { id: string; symbol: string; name: string; price: number; marketCap: number; volume24h: number }
export type Exchange = { id: string; name: string; country: string; volume24h: number }
export type Market = { id: string; exchangeId: string; coinId: string; quote: string; price: number; volume24h: number }
export type Status = { status: 'ok'; time: string; coins: number; exchanges: number; markets: number }

/** Symbol, name, price in US dollars, coins in circulation in millions. */
const COINS: readonly (readonly [symbol: string, name: string, price: number, millions: number])[] = [
  ['BTC', 'Bitcoin', 112_400, 19.9],
  ['ETH', 'Ethereum', 4_180, 120.7],
  ['XRP', 'XRP', 2.84, 59_800],
  ['USDT', 'Tether', 1, 173_000],
  ['BNB', 'BNB', 1_002, 139.2],
  ['SOL', 'Solana', 218, 543],
  ['USDC', 'USD Coin', 1, 74_000],
  ['DOGE', 'Dogecoin', 0.24, 151_000],
  ['TRX', 'TRON', 0.338, 94_700],
  ['ADA', 'Cardano', 0.82, 35_700],
  ['LINK', 'Chainlink', 21.6, 678],
  ['AVAX', 'Avalanche', 34.1, 422],
  ['SUI', 'Sui', 3.37, 3_570],
  ['XLM', 'Stellar', 0.37, 31_800],
  ['BCH', 'Bitcoin Cash', 562, 19.9],
  ['HBAR', 'Hedera', 0.22, 42_400],
  ['LTC', 'Litecoin', 106, 76.3],
  ['SHIB', 'Shiba Inu', 0.0000122, 589_200_000],
  ['TON', 'Toncoin', 2.92, 2_570],
  ['CRO', 'Cronos', 0.21, 34_900],
  ['DOT', 'Polkadot', 4.02, 1_520],
  ['XMR', 'Monero', 298, 18.4],
  ['UNI', 'Uniswap', 8.1, 600],
  ['NEAR', 'NEAR Protocol', 2.9, 1_250],
  ['PEPE', 'Pepe', 0.0000096, 420_690_000],
  ['APT', 'Aptos', 4.3, 690],
  ['ICP', 'Internet Computer', 4.5, 538],
  ['ETC', 'Ethereum Classic', 19, 153],
  ['AAVE', 'Aave', 281, 15.2],
  ['VET', 'VeChain', 0.0232, 86_000],
  ['ATOM', 'Cosmos', 4.2, 471],
  ['FIL', 'Filecoin', 2.3, 689],
  ['ALGO', 'Algorand', 0.22, 8_780],
  ['XTZ', 'Tezos', 0.7, 1_060],
  ['EOS', 'EOS', 0.44, 1_560],
  ['ZEC', 'Zcash', 53, 16.3],
]

/** Name, country, share of a coin's trade in thousandths. */
const EXCHANGES: readonly (readonly [name: string, country: string, share: number])[] = [
  ['Northbay', 'US', 31],
  ['Kantor', 'PL', 12],
  ['Helvetic', 'CH', 17],
  ['Lion City', 'SG', 44],
  ['Meridian', 'GB', 19],
  ['Sakura', 'JP', 22],
  ['Han', 'KR', 27],
  ['Pampa', 'AR', 8],
  ['Baltica', 'EE', 6],
  ['Southern Cross', 'AU', 9],
  ['Maple', 'CA', 7],
  ['Atlas', 'AE', 14],
]

/** Every exchange trades every fourth coin, each beginning at another. */
const EVERY = 4
const DAILY_TURNOVER = 0.04

/** All coins with their prices at `at` (epoch milliseconds). */
export function coinsAt(at: number): Coin[] {
  return COINS.map(([symbol, name, usual, millions], index) => {
    const price = significant(usual * (1 + 0.03 * Math.sin(at / 3_600_000 + index)))
    const marketCap = Math.round(price * millions * 1_000_000)
    return {
      id: symbol.toLowerCase(),
      symbol,
      name,
      price,
      marketCap,
      volume24h: Math.round(marketCap * DAILY_TURNOVER),
    }
  })
}

/** All markets at `at` (epoch milliseconds), in US dollars. */
export function marketsAt(at: number): Market[] {
  const coins = coinsAt(at)
  return EXCHANGES.flatMap(([exchange, , share], offset) =>
    coins
      .filter((_, index) => index % EVERY === offset % EVERY)
      .map((coin) => ({
        id: `${idOf(exchange)}:${coin.id}-usd`,
        exchangeId: idOf(exchange),
        coinId: coin.id,
        quote: 'USD',
        price: coin.price,
        volume24h: Math.round((coin.volume24h * share) / 1_000),
      })),
  )
}

/** All exchanges with what they traded in the day before `at` (epoch milliseconds). */
export function exchangesAt(at: number): Exchange[] {
  const markets = marketsAt(at)
  return EXCHANGES.map(([name, country]) => {
    const own = markets.filter((market) => market.exchangeId === idOf(name))
    return { id: idOf(name), name, country, volume24h: own.reduce((sum, market) => sum + market.volume24h, 0) }
  })
}

/** That the API is up, and how many rows each call will give. */
export function statusAt(at: number): Status {
  const markets = marketsAt(at).length
  return { status: 'ok', time: new Date(at).toISOString(), coins: COINS.length, exchanges: EXCHANGES.length, markets }
}

function idOf(name: string): string {
  return name.toLowerCase().replaceAll(' ', '-')
}

function significant(value: number): number {
  return Number(value.toPrecision(6))
}
