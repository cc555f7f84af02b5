// Implement automatic token refresh
class AuthenticatedClient {
  constructor(credentials) {
    this.credentials = credentials;
    this.token = null;
    this.refreshToken = null;
  }
  
  async ensureAuthenticated() {
    if (!this.token || this.isTokenExpired()) {
      await this.refreshAuth();
    }
  }
  
  async refreshAuth() {
    if (this.refreshToken) {
      // Use refresh token
      const response = await this.post('/auth/refresh', {
        refreshToken: this.refreshToken
      });
      this.token = response.accessToken;
    } else {
      // Login with credentials
      const response = await this.post('/auth/login', this.credentials);
      this.token = response.accessToken;
      this.refreshToken = response.refreshToken;
    }
  }
}
